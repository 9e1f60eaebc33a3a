"""Times to target of the first AlgoPerf competition, and the scores that were published for them.

Seconds of submission time, rounded: for each workload the median over studies of the trial that reached the
validation target after the fewest evaluations, inf where none did. They are read off the evaluation logs in
github.com/mlcommons/submissions_algorithms, previous_leaderboards/algoperf_v05 (Apache License 2.0). `SCORES`
is that folder's leaderboard, as in Kasimbeg et al., "Accelerating Neural Network Training: An Analysis of the
AlgoPerf Competition", ICLR 2025.
"""

from __future__ import annotations

import io

import pandas as pd

HELD_OUT = {
    "criteo1tb_embed_init": "criteo1tb",
    "fastmri_tanh": "fastmri",
    "imagenet_resnet_large_bn_init": "imagenet_resnet",
    "librispeech_conformer_layernorm": "librispeech_conformer",
    "ogbg_model_size": "ogbg",
    "wmt_glu_tanh": "wmt",
}
HEADER = (
    "submission,criteo1tb,criteo1tb_embed_init,fastmri,fastmri_tanh,imagenet_resnet,"
    "imagenet_resnet_large_bn_init,imagenet_vit,librispeech_conformer,librispeech_conformer_layernorm,"
    "librispeech_deepspeech,ogbg,ogbg_model_size,wmt,wmt_glu_tanh\n"
)
EXTERNAL_TUNING = """\
amos,inf,inf,2941,4304,inf,34760,50496,43293,34650,31735,11071,16356,32833,17722
baseline,7208,611,2030,4509,inf,59225,70197,54769,50447,36024,7697,12498,41189,16832
caspr_adaptive,inf,inf,1119,1360,inf,inf,44673,inf,36124,41825,2192,2195,32045,inf
cyclic_lr,5163,606,2200,3866,inf,inf,62445,57566,56129,38986,6948,9334,23562,16851
generalized_adam,6403,384,1581,3428,61257,55657,64740,inf,50467,37496,5785,11785,30284,16003
lawa_ema,5303,719,2556,5027,inf,inf,61886,inf,inf,inf,10597,13558,43034,18908
lawa_queue,inf,1053,1971,4863,inf,inf,51189,inf,inf,inf,4617,4464,27171,10521
nadamp,6162,502,1980,4300,inf,56673,68105,57675,51916,33171,7944,13706,38684,22725
schedule_free_adamw,5164,366,1162,3604,inf,inf,44005,56121,34536,43256,5275,11242,16013,5947
schedule_free_prodigy,inf,inf,1881,5777,inf,inf,inf,inf,inf,inf,11243,inf,inf,19390
shampoo_submission,5043,246,1321,1949,inf,58546,33094,47445,41695,34624,3363,3601,38656,11813
"""
SELF_TUNING = """\
adamg,inf,inf,inf,inf,inf,inf,inf,inf,inf,inf,inf,inf,inf,inf
baseline,5794,503,1976,4549,inf,inf,73981,57674,56241,36051,8423,12748,40361,28607
nadamw_sequential,22791,4410,2381,3903,inf,inf,122357,inf,70640,80703,10109,17793,113506,75697
schedule_free_adamw,5764,1925,1321,5114,inf,inf,52381,58997,37413,49010,5994,10292,45376,10148
sinv6,inf,inf,4310,7680,inf,inf,inf,inf,111005,136882,25004,inf,111823,21952
sinv6_75,inf,inf,3991,7116,inf,inf,inf,inf,155643,122484,27643,inf,87459,21111
"""
SCORES = {
    "external": {
        "shampoo_submission": 0.7784,
        "schedule_free_adamw": 0.7077,
        "generalized_adam": 0.6383,
        "cyclic_lr": 0.6301,
        "nadamp": 0.5909,
        "baseline": 0.5707,
        "amos": 0.4918,
        "caspr_adaptive": 0.4722,
        "lawa_queue": 0.3699,
        "lawa_ema": 0.3384,
        "schedule_free_prodigy": 0.0,
    },
    "self": {
        "schedule_free_adamw": 0.8542,
        "baseline": 0.8194,
        "nadamw_sequential": 0.3308,
        "sinv6_75": 0.1420,
        "sinv6": 0.0903,
        "adamg": 0.0,
    },
}


def times(rules: str) -> pd.DataFrame:
    """Return the table of times under the "external" or the "self" tuning rules."""
    text = EXTERNAL_TUNING if rules == "external" else SELF_TUNING
    return pd.read_csv(io.StringIO(HEADER + text), index_col=0, na_values=[], keep_default_na=False).astype(
        float
    )
