"""What a run has measured gets to its log, on a disk that was full too."""

import json

import pytest

from training.runs.log import Log

from ..ended import full_disk


def test_lines_wait_until_the_disk_takes_them_and_none_is_torn(tmp_path, capsys):
    path = tmp_path / "metrics.jsonl"
    log = Log(path, 0, 0.0)
    log.write(1, {"loss": 1.0})
    with full_disk(path.stat().st_size + 10):
        for step in (2, 3):
            log.write(step, {"loss": 1.0})
        with pytest.raises(OSError):
            log.settle()
    assert len(path.read_text().splitlines()) == 1
    log.write(4, {"loss": 1.0})
    log.settle()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    said = capsys.readouterr().err
    assert said == f"warning: {path} cannot be written (File too large); its lines wait.\n"


def test_a_log_with_bytes_that_are_no_text_is_read(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\xfe\x00\n')
    Log(path, 5, 0.0)
    assert path.read_text() == '{"step": 1}\n'
