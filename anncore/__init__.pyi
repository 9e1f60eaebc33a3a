# What the package exports, once: type checkers read it, and `__init__.py` takes from it what to load.

from ._version import __version__ as __version__
from .contract.derived_text import derivative as derivative
from .contract.errors import (
    AnnxError as AnnxError,
    ComponentError as ComponentError,
    DataError as DataError,
    ExperimentError as ExperimentError,
    PluginError as PluginError,
    ReportError as ReportError,
    StoreError as StoreError,
    nearest as nearest,
)
from .contract.events import (
    Distrusted as Distrusted,
    Event as Event,
    OtherEnvironment as OtherEnvironment,
    PhaseDone as PhaseDone,
    PhaseStarted as PhaseStarted,
    Progressed as Progressed,
    StackDone as StackDone,
    StopRequested as StopRequested,
    SweepDone as SweepDone,
    SweepStarted as SweepStarted,
    TablesStarted as TablesStarted,
    TooShort as TooShort,
    WorkersChanged as WorkersChanged,
)
from .contract.hookspecs import hookimpl as hookimpl
from .contract.hyperparameters import (
    Shorthand as Shorthand,
    build as build,
    choice as choice,
    hyper as hyper,
    linear as linear,
    log as log,
    ref as ref,
    shorthand as shorthand,
)
from .contract.kinds import (
    Activation as Activation,
    Array as Array,
    AskingOptimizer as AskingOptimizer,
    AskingWrapper as AskingWrapper,
    Candidates as Candidates,
    Claim as Claim,
    Column as Column,
    Command as Command,
    Component as Component,
    CurvatureOptimizer as CurvatureOptimizer,
    Data as Data,
    Dataset as Dataset,
    Draws as Draws,
    Evaluate as Evaluate,
    Evaluation as Evaluation,
    Executor as Executor,
    Exporter as Exporter,
    ExportInput as ExportInput,
    Figure as Figure,
    FigureInput as FigureInput,
    Game as Game,
    Hyper as Hyper,
    Initializer as Initializer,
    JointLoss as JointLoss,
    Layer as Layer,
    LearnedActivation as LearnedActivation,
    LearnMode as LearnMode,
    Likelihood as Likelihood,
    Listener as Listener,
    Look as Look,
    Loss as Loss,
    Lost as Lost,
    Metric as Metric,
    ModalNetwork as ModalNetwork,
    Mode as Mode,
    Moment as Moment,
    Network as Network,
    NetworkMetric as NetworkMetric,
    NoisyObjective as NoisyObjective,
    Objective as Objective,
    Optimizer as Optimizer,
    OptimizerWrapper as OptimizerWrapper,
    ProbingMetric as ProbingMetric,
    Problem as Problem,
    RandomActivation as RandomActivation,
    ReportSection as ReportSection,
    ReportTable as ReportTable,
    RuleNetwork as RuleNetwork,
    Sampler as Sampler,
    Schedule as Schedule,
    SelectionRule as SelectionRule,
    StoppingRule as StoppingRule,
    Suite as Suite,
    Task as Task,
    WatchingMetric as WatchingMetric,
    Weights as Weights,
    WeightSpec as WeightSpec,
    Worker as Worker,
)
from .contract.label_noise import add_outliers as add_outliers, flip_labels as flip_labels
from .contract.libraries import Library as Library, Made as Made
from .contract.loading import load_registry as load_registry
from .contract.made_forms import MadeActivation as MadeActivation, MadeLoss as MadeLoss
from .contract.named_file import named_file as named_file
from .contract.registry import Registry as Registry
from .contract.root_mean_square import root_mean_squares as root_mean_squares
from .contract.signatures import (
    count_positional as count_positional,
    read_signature as read_signature,
)
from .contract.streams import (
    counted_normal as counted_normal,
    counted_signs as counted_signs,
    truncated_normal as truncated_normal,
)
from .contract.tables import Table as Table, TableDataset as TableDataset
from .contract.time_steps import (
    read_states as read_states,
    steps_first as steps_first,
    time_steps as time_steps,
)
from .contract.weight_decay import DECAY_MODES as DECAY_MODES, WeightDecay as WeightDecay
from .engine.arrays import (
    dense as dense,
    eigh as eigh,
    orthogonalized as orthogonalized,
    power as power,
    sum_examples as sum_examples,
    times_transposed as times_transposed,
)
from .engine.decision_maps import DecisionMap as DecisionMap
from .engine.process import (
    ENDING_SIGNALS as ENDING_SIGNALS,
    Watchdog as Watchdog,
    children_on_one_blas_thread as children_on_one_blas_thread,
    ends_with_parent as ends_with_parent,
    killed_for_memory as killed_for_memory,
    limit_memory as limit_memory,
    memory_bytes as memory_bytes,
    signals_held as signals_held,
)
from .engine.snapshots import Snapshot as Snapshot
from .evidence import (
    BoundaryRow as BoundaryRow,
    LayerGrid as LayerGrid,
    RunTimeCurves as RunTimeCurves,
    aggregate_scores as aggregate_scores,
    average_ranks as average_ranks,
    average_run_time as average_run_time,
    boundary_rows as boundary_rows,
    budget_curve as budget_curve,
    compare_arms as compare_arms,
    curve_frame as curve_frame,
    friedman_test as friedman_test,
    layer_frame as layer_frame,
    layer_grids as layer_grids,
    lr_sensitivity as lr_sensitivity,
    normalized_scores as normalized_scores,
    performance_profile as performance_profile,
    performance_ratios as performance_ratios,
    performance_scores as performance_scores,
    probability_of_improvement as probability_of_improvement,
    run_time_curves as run_time_curves,
    run_time_shares as run_time_shares,
    run_time_targets as run_time_targets,
    run_times as run_times,
    scores as scores,
    summarize as summarize,
    targets as targets,
    time_to_target as time_to_target,
    tuning_scores as tuning_scores,
    typical_times as typical_times,
)
from .evidence.always_valid import (
    always_valid_interval as always_valid_interval,
    always_valid_p as always_valid_p,
    pairs_until_decided as pairs_until_decided,
)
from .evidence.csv_text import to_csv as to_csv
from .evidence.planning import pairs_for_power as pairs_for_power, pairs_range as pairs_range
from .evidence.results import Results as Results
from .evidence.selection import (
    select as select,
    selection_gaps as selection_gaps,
    with_fresh_scores as with_fresh_scores,
)
from .evidence.sentences import (
    agreeing as agreeing,
    counted as counted,
    joined as joined,
    number as number,
    pair_percent as pair_percent,
    percent as percent,
)
from .evidence.stats import (
    differences as differences,
    mean_band as mean_band,
    pairs_needed as pairs_needed,
)
from .evidence.units import metric_words as metric_words, singular as singular
from .experiment import load_experiment as load_experiment
from .experiment.plan import make_plan as make_plan
from .report import Drawing as Drawing, drawing as drawing
from .report.compare_runs import compare_runs as compare_runs
from .report.export import latex_files as latex_files
from .report.judge import Judged as Judged, judge as judge
from .report.run import Run as Run, load_run as load_run
from .running.frames import dataset_from_frame as dataset_from_frame
from .running.merging import Merged as Merged, merge_runs as merge_runs
from .running.stopping import Stopper as Stopper
from .testing.before_sweep import sweep as sweep
from .testing.challenging import Challenged as Challenged, challenge as challenge
