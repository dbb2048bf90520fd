import matplotlib.image
import numpy as np
import pytest

from magenta_lite.evaluation import latent_map


def test_the_plane_of_most_variance():
    random = np.random.default_rng(0)
    points = random.normal(size=[500, 4]) * [0.1, 3, 0.2, 1] + 7
    plane, shares = latent_map.principal_plane(points)
    centred = points - points.mean(axis=0)
    for column, dimension in ((0, 1), (1, 3)):
        correlation = np.corrcoef(plane[:, column], centred[:, dimension])
        assert abs(correlation[0, 1]) > 0.99
    variances = centred.var(axis=0)
    assert shares[0] == pytest.approx(variances[1] / variances.sum(), rel=0.02)
    np.testing.assert_allclose(plane.mean(axis=0), 0, atol=1e-9)


def test_alike_and_few_points():
    plane, shares = latent_map.principal_plane(np.ones([3, 5]))
    np.testing.assert_allclose(plane, 0, atol=1e-12)
    np.testing.assert_allclose(shares, 0, atol=1e-12)
    plane, shares = latent_map.principal_plane(np.ones([1, 5]))
    assert plane.shape == (1, 2) and shares.shape == (2,)


def test_file(tmp_path):
    points = np.random.default_rng(0).normal(size=[6000, 3])
    path = tmp_path / "map.png"
    latent_map.draw_map(points, points[:, 0], path, "notes", "A map")
    image = matplotlib.image.imread(path)
    assert image.shape[:2] == (910, 1066)
    assert np.ptp(image) > 0.5
    assert [one.name for one in tmp_path.iterdir()] == ["map.png"]
