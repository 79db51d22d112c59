"""Moments of clips gathered by the processes of a dask cluster."""

import joblib
import pytest
from distributed import Client, LocalCluster

from skhrmel import AudioFrontEnd, HRMelTransformerCV

SEARCH = HRMelTransformerCV(total_mels=16, candidate_edges=(0, 800, 1500, 6000, 20000))


@pytest.mark.filterwarnings("ignore")  # Of dask and of the ports it finds taken.
def test_a_cluster_finds_the_same_layout(clips):
    alone = AudioFrontEnd(SEARCH).fit(clips).transformer_
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        together = AudioFrontEnd(SEARCH, n_jobs=2).fit(clips).transformer_
    assert together.n_mels_ == alone.n_mels_
    # The same products in the same order, by another process.
    assert together.best_score_ == pytest.approx(alone.best_score_, rel=1e-9)
