"""What the exact loops of epochs and of iterations share."""

from typing import Any

from mmengine.hooks import Hook

from ..arguments import require_whole
from ..errors import UserValueError
from .addresses import sampler_of
from .resume_state import whole_number
from .schedule import optimizers

_STATE = 'train_loop'  # in the checkpoint's `meta`


class StateHook(Hook):
    """Carries what the loop must remember into and out of checkpoints."""

    def __init__(self, loop: Any) -> None:
        self.loop = loop

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        meta = checkpoint['meta']
        meta[_STATE] = self.loop.state(meta)
        wrappers = [wrapper for _, wrapper, _ in optimizers(runner)]
        if not all(wrapper.should_update() for wrapper in wrappers):
            runner.logger.warning(
                f'the checkpoint at iteration {meta["iter"]} is between two '
                'updates of gradient accumulation: batches accumulated so '
                'far are lost if training is resumed from it. Choose a '
                'checkpoint interval that `accumulative_counts` divides'
            )

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.loop.loaded = checkpoint.get('meta') or {}


def check_lengths(**lengths: Any) -> None:
    """Refuse what is not a whole number, by name."""
    for name, value in lengths.items():
        whole = isinstance(value, float) and value.is_integer()  # as 1e5
        least = int(name != 'val_begin')
        require_whole(name, int(value) if whole else value, least)


class ExactLoop:
    """Beside one of upstream's loops: its state, and when it validates.

    Attributes:
        loaded: ``meta`` of the checkpoint, if there is one.
    """

    resumes_exactly = True  # ResumeHook asks

    def remember(self: Any) -> None:
        """Put the state into checkpoints from now on."""
        self.loaded: dict = {}
        self.runner.register_hook(StateHook(self))

    def state_at(self: Any, meta: dict, here: bool, position: int = 0) -> dict:
        """What a checkpoint remembers.

        Args:
            meta: Of the checkpoint.
            here: It is of where the loop is; else it is written before the
                loop counts on, and before the validation.
            position: Batches of the epoch that are trained.
        """
        return dict(
            position=position,
            batches=len(self.dataloader),
            sampler_seed=getattr(sampler_of(self.dataloader), 'seed', None),
            validated=here and not meta.get('validation_left'),
        )

    def loaded_state(self: Any) -> dict | None:
        """What a loop left in the checkpoint, if it did.

        Raises:
            ValueError: It is not what any loop leaves there.
        """
        state = self.loaded.get(_STATE)
        if state is None:
            return None
        batches = whole_number(state, 'batches')
        done = whole_number(self.loaded, 'iter')
        whole_number(state, 'position', min(batches, done))
        if state.get('sampler_seed') is not None:
            whole_number(state, 'sampler_seed')
        if not isinstance(state.get('validated'), bool):
            raise UserValueError(
                'the checkpoint cannot be resumed: its `validated` must be '
                f'True or False, got {state.get("validated")!r:.60}'
            )
        return state

    def go_on(self: Any, state: dict) -> None:
        """The order of the data, and a validation that was left."""
        if state.get('sampler_seed') is not None:
            sampler_of(self.dataloader).seed = state['sampler_seed']
        if not state['validated']:
            self.validate()

    def validate(self: Any) -> None:
        """If it is time to."""
        self._decide_current_val_interval()
        done, last = self.progress()
        due = done == last or done % self.val_interval == 0
        if self.runner.val_loop and done >= self.val_begin and due:
            self.runner.val_loop.run()
