"""Lines of a sweep, as ``mmdcl sweep`` writes them."""


def row(config='a.py', temperature=0.1, seed=0, val=50.0, test=50.0, **more):
    """One line; what is not said is as in lines of older sweeps."""
    return dict(
        config=config,
        options=[],
        batch_size=None,
        lr_factor=1.0,
        temperature=temperature,
        seed=seed,
        val_start=None,
        val=val,
        test={'top1': test},
        commit='c0ffee',
    ) | dict(more)


def trained(loss, batch=32, algorithm='SimCLR', recipe='', **more):
    """One line that says what was trained."""
    return row(
        config=f'{algorithm}-{loss}.py',
        loss=loss,
        algorithm=algorithm,
        recipe=recipe or algorithm,
        batch=batch,
        batch_size=batch,
        epochs=60,
        **more,
    )


def cells(text):
    """Of a table in Markdown, line by line."""
    return [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
    ]
