"""One stretch of training: optimizer, learning rate, averaged weights, and checkpoints to resume from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

CHECKPOINT_SECONDS = 120
WARM_UP_STEPS = 50


@dataclass
class Stage:
    """Trains `modules` for `steps` steps, from `checkpoint` on when that file exists."""

    name: str
    modules: nn.ModuleList
    steps: int
    learning_rate: float
    checkpoint: Path

    def __post_init__(self) -> None:
        self.weights = list(self.modules.parameters())
        self.average = [weight.detach().clone() for weight in self.weights]
        self.optimizer = torch.optim.AdamW(self.weights, weight_decay=0.01, betas=(0.9, 0.99))
        self.cpu_seconds = 0.0

    def run(self, loss_of_batch: Callable[[], Tensor]) -> None:
        """Takes the steps still missing, and leaves the average of the last weights in the modules.

        `loss_of_batch` draws its batch with torch's own random numbers, which are seeded with the step.
        """
        first = self._resume()
        cpu_before, saved_at, recent = time.process_time() - self.cpu_seconds, time.monotonic(), 0.0
        self.modules.train()
        for step in range(first, self.steps):
            loss = self._step(step, loss_of_batch)
            recent = loss if step == first else 0.98 * recent + 0.02 * loss
            self.cpu_seconds = time.process_time() - cpu_before
            if (step + 1) % 100 == 0:
                print(f"{self.name} {step + 1}/{self.steps} loss {recent:.4f} cpu {self.cpu_seconds:.0f} s", flush=True)
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS or step + 1 == self.steps:
                self._save(step + 1)
                saved_at = time.monotonic()
        with torch.no_grad():
            torch._foreach_copy_(self.weights, self.average)
        self.modules.eval()

    def _step(self, step: int, loss_of_batch: Callable[[], Tensor]) -> float:
        torch.manual_seed(step)
        cool_down = max(0.02, 2 * (1 - step / self.steps))  # the second half comes down to almost nothing
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS, cool_down)
        self.optimizer.zero_grad()
        loss = loss_of_batch()
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - min(0.995, (1 + step) / (10 + step)))
        return loss.item()

    def _resume(self) -> int:
        """Takes over what the checkpoint holds, and returns the first step that is missing."""
        if not self.checkpoint.exists():
            return 0
        saved = torch.load(self.checkpoint, weights_only=True)
        self.modules.load_state_dict(saved["modules"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average = saved["average"]
        self.cpu_seconds = saved["cpu_seconds"]
        return saved["step"]

    def _save(self, step: int) -> None:
        state = {
            "step": step,
            "modules": self.modules.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "cpu_seconds": self.cpu_seconds,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)
