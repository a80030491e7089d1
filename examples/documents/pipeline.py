"""One document through all stages, with a checkpoint after each.

What was found is kept before the next stage begins, so after a crash the document goes on at the first
stage without a checkpoint. The turn is held for the checkpoint alone, never while a section is worked on.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from documents.claims import Claimed, keep_checkpoint
from documents.database import Database
from documents.files import Files
from documents.progress import ProgressWriter
from documents.schema import Checkpoint
from documents.settings import Settings
from documents.stages import STAGES, Found, read_sections
from documents.writes import Writes
from hardlite.clock import system_clock

T = TypeVar("T")


class Pipeline:
    """Takes documents through the stages, for one worker.

    Args:
        database: has the checkpoints that are there.
        files: has the documents.
        writes: takes the checkpoints.
        progress: is told how far a document is.
        worker: who works.
        settings: say how long a section takes.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        writes: Writes,
        progress: ProgressWriter,
        *,
        worker: str,
        settings: Settings,
    ) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._writes = writes
        self._progress = progress
        self._worker = worker
        # One: a thread that computes keeps the interpreter for milliseconds, and six of them would
        # keep it from the loop for as long as all together.
        self._thread = ThreadPoolExecutor(1, "stages")

    async def run(self, document: Claimed) -> None:
        """Take a document through the stages that it has no checkpoint of.

        Raises:
            ClaimLostError: another worker has it now.
            DamagedFileError: the file is not what was uploaded.
        """
        path = self._files.path(document.file)
        sections = await self._beside(read_sections, path, document.sha256)
        before = await self._found(document)
        for number in range(document.stage, len(STAGES)):
            found = await self._work(document.id, number, sections, before)
            await self._keep(document.id, number, found)
            before.append(found)

    async def _work(
        self, document: int, number: int, sections: list[str], before: list[Found]
    ) -> Found:
        stage, found = STAGES[number], {}
        for done, section in enumerate(sections, start=1):
            found = await self._beside(stage.look, section, found, before)
            await asyncio.sleep(self._settings.pace)
            self._progress.tell(document, number, done / len(sections))
        return found

    async def _keep(self, document: int, number: int, found: Found) -> None:
        result = json.dumps(found)

        def keep(session: Session) -> None:
            keep_checkpoint(
                session,
                self._worker,
                document,
                stage=number,
                result=result,
                last=number + 1 == len(STAGES),
                now=system_clock.wall(),
                lease=self._settings.lease,
            )

        await self._writes.write("checkpoint", keep)

    async def _beside(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)

    async def _found(self, document: Claimed) -> list[Found]:
        async with self._database.reader() as session:
            kept = await session.scalars(
                select(Checkpoint.result)
                .where(Checkpoint.document_id == document.id)
                .order_by(Checkpoint.stage)
            )
            return [json.loads(result) for result in kept]
