from concurrent.futures import ThreadPoolExecutor

from mmdcl.cli.record import append_line


def test_lines_of_several_runs_stay_whole(tmp_path):
    table = tmp_path / 'new' / 'found.md'
    lines = [f'{i}' * 3_000_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda x: append_line(table, x, 'head\n'), lines))
    head, *rest = table.read_text().splitlines()
    assert head == 'head'
    whole = sorted(rest) == lines
    assert whole
