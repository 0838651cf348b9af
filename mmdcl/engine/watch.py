"""What ranks tell each other while they work, and who fell silent."""

import json
import os
import socket
import threading
import time
from itertools import count
from typing import Any

from mmengine.dist import get_rank, get_world_size

from ..handlers import end_children, say

_runs = count()  # trainings of this process, the same number on all ranks


class Watch:
    """Two threads: one tells and asks, the other judges what was heard.

    The store may not answer, as the process that it lives in is one of those
    that can be stopped.
    """

    def __init__(self, timeout: float, patience: float, logger: Any) -> None:
        from torch.distributed.distributed_c10d import _get_default_store

        self._timeout, self._patience, self._logger = timeout, patience, logger
        self._period = min(max(timeout / 20, 0.1), 10)
        self._store = _get_default_store()
        attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)
        run = next(_runs)
        self._rank, self._ranks = get_rank(), get_world_size()
        self._keys = [
            f'mmdcl/heartbeat/{attempt}/{run}/{rank}'
            for rank in range(self._ranks)
        ]
        self._all_there = False
        self.place, self._stage, self._moves = -1, 'start', 0
        self._moved = self._answered = time.monotonic()
        self._tick = 0
        # Of each rank: what it told last, and when that was new. The second
        # is without the tick, by which a stopped process is known.
        start: tuple = (None, self._moved)
        self._heard = dict.fromkeys(range(self._ranks), (start, start))
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._talk, self._judge)
        ]
        for thread in self._threads:
            thread.start()

    def at(self, place: int, stage: str) -> None:
        """The main thread has got there: a sign of life."""
        self.place, self._stage = place, stage
        self._moves += 1
        self._moved = time.monotonic()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(timeout=2)

    def _talk(self) -> None:
        try:
            while not self._done.is_set():
                self._tell('')
                self._ask()
                self._answered = time.monotonic()
                self._done.wait(self._period)
            self._tell('done')
        except RuntimeError:  # the store is gone: `_answered` grows old
            return

    def _tell(self, end: str) -> None:
        self._tick += 1
        told = json.dumps(self._told(end))
        self._store.set(self._keys[self._rank], told)

    def _told(self, end: str = '') -> list:
        when = time.localtime(time.time() - time.monotonic() + self._moved)
        told = [self._tick, self._moves, self.place, end or self._stage]
        told += [socket.gethostname(), os.getpid()]
        return [*told, time.strftime('%H:%M:%S', when)]

    def _ask(self) -> None:
        keys, store = self._keys, self._store
        self._all_there = self._all_there or store.check(keys)
        there = [key for key in keys if self._all_there or store.check([key])]
        if self._all_there and store.has_extended_api():
            values = store.multi_get(keys)
        else:
            values = [store.get(key) for key in there]
        now = time.monotonic()
        for key, value in zip(there, values, strict=True):
            rank, told = keys.index(key), json.loads(value)
            any_sign, moved = self._heard[rank]
            if any_sign[0] != told:
                any_sign = (told, now)
            if moved[0] is None or moved[0][1:4] != told[1:4]:
                moved = (told, now)
            self._heard[rank] = (any_sign, moved)

    def _judge(self) -> None:
        looked = time.monotonic()
        while not self._done.wait(self._period):
            now = time.monotonic()
            if now - looked > 5 * self._period + 5:
                self._forgive(now)  # this process was stopped itself
            looked = now
            if now - self._moved >= self._timeout / 2:
                problem = self._silent(now)
                if problem and not self._done.is_set():
                    self._end(problem)

    def _forgive(self, now: float) -> None:
        self._moved = self._answered = now
        for rank, (any_sign, moved) in self._heard.items():
            self._heard[rank] = ((any_sign[0], now), (moved[0], now))

    def _silent(self, now: float) -> str:
        """A sentence about who is silent, if somebody is."""
        if now - self._answered >= self._timeout:
            return (
                'the store of torch.distributed has not answered for '
                f'{now - self._answered:.0f} s: the process that it lives in '
                '(torchrun, or rank 0) or its host is stopped or gone'
            )
        others = [x for x in self._heard if x != self._rank]
        for rank in others:
            told, since = self._heard[rank][0]
            if told and told[3] == 'done':
                others = [x for x in others if x != rank]
            elif now - since >= self._timeout:
                return (
                    f'{_name(rank, told)} has given no sign of life for '
                    f'{now - since:.0f} s{_last(told)}: it is stopped, or its '
                    'host is gone'
                )
        own = self._told()
        places = {self._rank: (*own[2:4], self._moved, own)}
        for rank in others:
            told, since = self._heard[rank][1]
            if told is None:
                return ''
            places[rank] = (told[2], told[3], since, told)
        behind = min(place for place, *_ in places.values())
        last = [rank for rank in places if places[rank][0] == behind]
        _, stage, since, told = places[last[0]]
        since = max(places[rank][2] for rank in last)
        limit = self._timeout
        if stage not in ('step', 'between steps'):
            limit = self._patience
        if now - max(since, self._moved) < limit:
            return ''
        names = ' and '.join(_name(x, places[x][3]) for x in last[:3])
        if len(last) > 3:
            names += f' and {len(last) - 3} more ranks'
        have = 'has' if len(last) == 1 else 'have'
        return (
            f'{names} {have} not got further for {now - since:.0f} s'
            f'{_last(told)} ({stage})'
            + (', and the others wait' if len(last) < len(places) else '')
        )

    def _end(self, problem: str) -> None:
        text = (
            f'{problem}. Training ends; go on from the newest checkpoint by '
            '--resume. (`timeout` and `patience` of mmdcl.HeartbeatHook say '
            'how long is waited)'
        )
        say(f'rank {self._rank}: {text}')
        # The lock of the log may be held by what hangs.
        log = threading.Thread(target=self._log, args=(text,), daemon=True)
        log.start()
        log.join(timeout=5)
        if self._rank:  # the first one's log is kept: let it find out, too
            time.sleep(2 * self._period)
        end_children(daemons_only=True)
        os._exit(1)

    def _log(self, text: str) -> None:
        self._logger.error(text)
        for handler in self._logger.handlers:
            handler.flush()


def _name(rank: int, told: list | None) -> str:
    if told is None:
        return f'rank {rank}'
    return f'rank {rank} (process {told[5]} on {told[4]})'


def _last(told: list | None) -> str:
    return '' if told is None else f', since {told[6]}'
