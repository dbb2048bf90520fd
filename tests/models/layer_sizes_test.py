from magenta_lite.models.layer_sizes import layer_sizes


def test_depth_times_width():
    assert layer_sizes(width=3, depth=2) == (3, 3)
