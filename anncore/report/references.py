"""The papers that a report refers to, by what is done in it."""

from __future__ import annotations

REFERENCES = (
    "Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics 1(6).",
    "Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statistics 6(2).",
    "Hall (1992), On the removal of skewness by transformation, J. Royal Statistical Society B 54(1).",
    "Benjamini & Bogomolov (2014), Selective inference on multiple families of hypotheses, J. Royal "
    "Statistical Society B 76(1).",
    "Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach, J. "
    "Pharmacokinetics and Biopharmaceutics 15(6).",
    "Hodges & Lehmann (1963), Estimates of location based on rank tests, Ann. Math. Statistics 34(2).",
    "Benavoli, Corani & Mangili (2016), Should we really use post-hoc tests based on mean-ranks?, JMLR "
    "17(5).",
    "Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice, NeurIPS.",
)


SEQUENTIAL = (
    "Ville (1939), Étude critique de la notion de collectif, Gauthier-Villars.",
    "Reynolds (1975), A sequential signed-rank test for symmetry, Annals of Statistics 3(2).",
    "Shafer (2021), Testing by betting, J. Royal Statistical Society A 184(2).",
    "Darling & Robbins (1967), Confidence sequences for mean, variance, and median, PNAS 58(1).",
    "Ramdas et al. (2023), Game-theoretic statistics and safe anytime-valid inference, Statistical Science "
    "38(4).",
)


SUCCESS = (
    "Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the "
    "binomial, Biometrika 26(4).",
    "McNemar (1947), Note on the sampling error of the difference between correlated proportions or "
    "percentages, Psychometrika 12(2).",
    "Connor (1987), Sample size for testing differences in proportions for the paired-sample design, "
    "Biometrics 43(1).",
)


SPEED = (
    "Dolan & Moré (2002), Benchmarking optimization software with performance profiles, Math. Programming "
    "91(2).",
    "Dahl et al. (2023), Benchmarking neural network training algorithms, arXiv:2306.07179.",
)


BUDGET = (
    "Tang et al. (2020), Showing your work doesn't always work, ACL, arXiv:2004.13705.",
    "Lourie, Cho & He (2024), Show your work with confidence, NAACL, arXiv:2311.09480.",
)


MIRSKY = ("Mirsky (1971), A dual of Dilworth's decomposition theorem, American Mathematical Monthly 78(8).",)
