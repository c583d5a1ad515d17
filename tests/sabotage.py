"""Removes one check of the engine at a time, in a copy, and sees whether a test of `make test` turns red:
`make sabotage`.

Each entry names what is taken away, the lines as they stand and as they are broken, and the tests that must notice.
An entry whose lines are no longer there is an error too: the list is kept with the code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Sabotage(NamedTuple):
    """One way to break the engine."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


GUARD = ("tests/api/test_guard.py",)
END_TO_END = ("tests/test_end_to_end.py",)
PROCESS = ("tests/engine/test_engine_process.py",)
SUPERVISOR = ("tests/models/test_supervisor.py", "tests/test_end_to_end.py")
STORE = ("tests/store",)
LOG = ("tests/audio",)
BINDING = ("tests/daemon/test_binding.py",)
DAEMON = ("tests/daemon/test_server.py",)
GENERATE = ("tests/daemon/test_generate.py",)
RHYTHM = ("tests/scheduler/test_rhythm.py",)

SABOTAGES = (
    Sabotage(
        "anybody may come in",
        "app/api/guard.py",
        "if not self._authorized(scope, headers):",
        "if False:",
        GUARD,
    ),
    Sabotage(
        "any Host is served",
        "app/api/guard.py",
        "if len(hosts) != 1 or hosts[0].lower() not in self._hosts:",
        "if False:",
        GUARD,
    ),
    Sabotage(
        "any Origin is served",
        "app/api/guard.py",
        "allowed = not origins or origins[0] in self._origins",
        "allowed = True",
        GUARD,
    ),
    Sabotage(
        "a body that is sent in pieces has no limit",
        "app/api/guard.py",
        "if received_bytes > self._max_body_bytes:",
        "if False:",
        GUARD,
    ),
    Sabotage(
        "a link opens every job",
        "app/usecases/audio_links.py",
        'f"{job_id}',
        'f"',
        ("tests/api/test_audio_links.py",),
    ),
    Sabotage(
        "a link is good for ever",
        "app/usecases/audio_links.py",
        "if self._now() >= int(expires):",
        "if False:",
        ("tests/api/test_audio_links.py",),
    ),
    Sabotage(
        "the client that leaves goes on being spoken to",
        "app/usecases/listened_jobs.py",
        "if self._leave(job_id):",
        "if False:",
        ("tests/api/test_speech.py",),
    ),
    Sabotage(
        "audio that breaks off looks like all of it",
        "app/api/live.py",
        "error.code, error)\n            return",
        "error.code, error)",
        ("tests/api/test_speech.py",),
    ),
    Sabotage(
        "each listener over HTTP has an encoder",
        "app/usecases/live_audio.py",
        "if stream is None or stream.failed:",
        "if True:",
        ("tests/api/test_live_audio.py",),
    ),
    Sabotage(
        "an address that others can reach may be bound",
        "app/config.py",
        "if address is None or not address.is_loopback",
        "if address is None",
        ("tests/test_config.py",),
    ),
    Sabotage(
        "empty text is taken",
        "app/usecases/jobs.py",
        "if not text.strip():",
        "if False:",
        ("tests/api",),
    ),
    Sabotage(
        "the same key makes another job",
        "app/store/jobs.py",
        "if before is not None:",
        "if False:",
        ("tests/store", "tests/api"),
    ),
    Sabotage(
        "another request under the same key is taken for the first",
        "app/store/jobs.py",
        "if before.request_sha256 != request_sha256:",
        "if False:",
        ("tests/store", "tests/api"),
    ),
    Sabotage(
        "interrupted speak jobs stay as they were",
        "app/store/jobs.py",
        "where(jobs.c.lane == Lane.SPEAK, jobs.c.status.in_(list(UNFINISHED)))",
        'where(jobs.c.lane == "nobody", jobs.c.status.in_(list(UNFINISHED)))',
        ("tests/store", "tests/test_end_to_end.py"),
    ),
    Sabotage(
        "a page repeats the last job of the one before",
        "app/store/history.py",
        "tuple_(created_at, seq) < (after.created_at, after.seq)",
        "tuple_(created_at, seq) <= (after.created_at, after.seq)",
        ("tests/store", "tests/test_end_to_end.py"),
    ),
    Sabotage(
        "a newer schema is opened",
        "app/store/schema.py",
        "except CommandError as error:",
        "except ZeroDivisionError as error:",
        (*STORE, "tests/test_migrations.py"),
    ),
    Sabotage(
        "an upgrade makes no copy",
        "app/store/database.py",
        '            await _outside(connection, "VACUUM INTO ?", copy.name)\n',
        "            pass\n",
        (*STORE, "tests/test_migrations.py"),
    ),
    Sabotage(
        "a second engine opens the same database",
        "app/store/database.py",
        '"locking_mode=EXCLUSIVE",',
        '"locking_mode=NORMAL",',
        (*STORE, *PROCESS),
    ),
    Sabotage(
        "a commit may be lost in a power cut",
        "app/store/database.py",
        '"synchronous=FULL",',
        '"synchronous=NORMAL",',
        STORE,
    ),
    Sabotage(
        "the row is final before the file is there",
        "app/scheduler/finisher.py",
        "        file_name, size = await log.publish_wav()\n",
        '        file_name, size = "audio.wav", 44 + 2 * active.job.samples\n',
        END_TO_END,
    ),
    Sabotage(
        "the final event does not come",
        "app/scheduler/finisher.py",
        "            log.close_with(event)\n",
        "            pass\n",
        END_TO_END,
    ),
    Sabotage(
        "render comes before speak",
        "app/inference/model.py",
        '    SPEAK = "speak"  #: someone is listening\n    RENDER = "render"  #: into a file\n',
        '    RENDER = "render"\n    SPEAK = "speak"\n',
        ("tests/scheduler",),
    ),
    Sabotage(
        "one job of a lane keeps the turn",
        "app/scheduler/fairness.py",
        "            self._members.rotate(-1)\n            if member.can_start:\n",
        "            if member.can_start:\n",
        ("tests/scheduler",),
    ),
    Sabotage(
        "a take that ended at the limit is good enough",
        "app/scheduler/attempts.py",
        "if finish_reason is FinishReason.LENGTH:",
        "if finish_reason is FinishReason.LENGTH:\n        return None\n    if False:",
        END_TO_END,
    ),
    Sabotage(
        "all attempts have the same seed",
        "app/scheduler/attempts.py",
        "{job_seed}:{chunk_index}:{attempt}",
        "{job_seed}:{chunk_index}",
        ("tests/scheduler",),
    ),
    Sabotage(
        "a restart keeps what was not committed",
        "app/scheduler/plan.py",
        "        await log.cut(job.last_seq)\n",
        "        pass\n",
        ("tests/scheduler", "tests/test_end_to_end.py", "tests/engine/test_engine_process.py"),
    ),
    Sabotage(
        "what was heard before is heard again",
        "app/scheduler/delivery.py",
        "        kept = pcm[drop:]\n",
        "        kept = pcm\n",
        ("tests/test_every_model.py",),
    ),
    Sabotage(
        "what was silent and refused is taken for the next take's",
        "app/scheduler/delivery.py",
        "begins = min(chunk.begins or self._active.job.samples, written)",
        "begins = self._active.job.samples",
        RHYTHM,
    ),
    Sabotage(
        "the rest of a pause does not come",
        "app/audio/effects/seams.py",
        "        return added + held\n",
        "        return held\n",
        RHYTHM,
    ),
    Sabotage(
        "silence is judged with the volume",
        "app/scheduler/take_filter.py",
        "self._volume.push(self._seam.push(self._effects.push(pcm)))",
        "self._seam.push(self._volume.push(self._effects.push(pcm)))",
        RHYTHM,
    ),
    Sabotage(
        "a restart forgets how silent the audio ends",
        "app/scheduler/pauses.py",
        "return Ending(row.silence, row.pause)",
        "return Ending(0, row.pause)",
        RHYTHM,
    ),
    Sabotage(
        "what says nothing has a pause of its own",
        "app/scheduler/pauses.py",
        "for row in plan[index:following]",
        "for row in plan[index : index + 1]",
        (*RHYTHM, "tests/scheduler/test_pauses.py"),
    ),
    Sabotage(
        "audio is not synced before its row is committed",
        "app/scheduler/chunk_writer.py",
        "        await self._log.sync()\n        done:",
        "        done:",
        ("tests/scheduler",),
    ),
    Sabotage(
        "after a death the delivered audio comes twice",
        "app/models/worker/take.py",
        "self._drop_bytes = self._received_bytes",
        "self._drop_bytes = 0",
        SUPERVISOR,
    ),
    Sabotage(
        "a chunk may kill workers for ever",
        "app/models/worker/dispatch.py",
        "MAX_KILLS = 3",
        "MAX_KILLS = 10**9",
        SUPERVISOR,
    ),
    Sabotage(
        "suspects are spoken together",
        "app/models/worker/dispatch.py",
        "sent = listeners or suspects[:1]",
        "sent = listeners or suspects",
        SUPERVISOR,
    ),
    Sabotage(
        "a worker that hangs is waited for",
        "app/models/worker/watchdog.py",
        "return WorkerHealth.HUNG if now - self._heard_at > self._answer_s else WorkerHealth.FINE",
        "return WorkerHealth.FINE",
        SUPERVISOR,
    ),
    Sabotage(
        "an idle worker stays",
        "app/models/worker/watchdog.py",
        "return WorkerHealth.IDLE if now - self._busy_at >= self._idle_s else WorkerHealth.FINE",
        "return WorkerHealth.FINE",
        SUPERVISOR,
    ),
    Sabotage(
        "a worker outlives its pipe",
        "app/workers/synthesis/main.py",
        "            if not data:\n                raise _PipeClosed\n",
        "            if not data:\n                break\n",
        ("tests/workers/test_worker.py",),
    ),
    Sabotage(
        "a damaged record is played",
        "app/audio/log/log_file.py",
        "return len(pcm) == 2 * count and crc ==",
        "return len(pcm) == 2 * count or crc ==",
        LOG,
    ),
    Sabotage(
        "a long WAV has 32-bit sizes",
        "app/audio/wav.py",
        "if riff_bytes <= MAX_SIZE:",
        "if True:",
        LOG,
    ),
    Sabotage(
        "the engine outlives its app",
        "app/engine/lifecycle.py",
        "    if lifeline:\n",
        "    if False:\n",
        PROCESS,
    ),
    Sabotage(
        "a deleted job leaves its files",
        "app/usecases/jobs.py",
        'aside = self._logs.drop(job.id, f"{job.id}.{job.seq}.deleted")',
        "aside = None",
        ("tests/api",),
    ),
    Sabotage(
        "a preset can be deleted",
        "app/usecases/voices.py",
        'raise Forbidden("a preset is part of its model and cannot be deleted", voice_id=voice_id)',
        "pass",
        ("tests/api",),
    ),
    Sabotage(
        "a Range is ignored",
        "app/api/ranges.py",
        "        wanted = _wanted(range, total)\n",
        "        wanted = None\n",
        ("tests/api",),
    ),
    Sabotage(
        "a follower that falls behind is not told",
        "app/scheduler/feed.py",
        "                if missed > len(self._events):\n                    raise FellBehind\n",
        "                missed = min(missed, len(self._events))\n",
        ("tests/scheduler", "tests/api"),
    ),
    Sabotage(
        "a listener waits for another model's book",
        "app/models/worker/residency.py",
        "if demand is Demand.NOW and not activity.listened_to:",
        "if False:",
        ("tests/models/test_residency.py",),
    ),
    Sabotage(
        "two large models at once",
        "app/models/supervisors.py",
        "residency=self._residency if entry.large else None,",
        "residency=None,",
        ("tests/api/test_models.py", "tests/test_qwen3.py"),
    ),
    Sabotage(
        "a clone's vocoder begins cold",
        "app/workers/synthesis/qwen3/audio_decoder.py",
        "if sequence.vocoder_state is None and sequence.reference is not None:",
        "if False:",
        ("tests/workers/test_qwen3_traps.py",),
    ),
    Sabotage(
        "a step writes over a prompt that is only half prefilled",
        "app/workers/synthesis/qwen3/decode_batch.py",
        "next_positions.get(slot, 0) for slot",
        "0 for slot",
        ("tests/workers/test_qwen3_traps.py", "tests/workers/test_qwen3_prefill.py"),
    ),
    Sabotage(
        "a slot is not cleared for the next sequence",
        "app/workers/synthesis/qwen3/slot_allocator.py",
        "            self._cache.clear_slot(sequence.slot)\n",
        "",
        ("tests/workers/test_qwen3_batch.py",),
    ),
    Sabotage(
        "what is heard later takes the slots of a new listener",
        "app/workers/synthesis/qwen3/slot_allocator.py",
        "else int(each.after in present)",
        "else 0",
        ("tests/workers/test_qwen3_preemption.py",),
    ),
    Sabotage(
        "a new listener waits for the rest of a step",
        "app/workers/synthesis/qwen3/generator.py",
        "if self.allocator.would_admit_first_audio() or orphaned:",
        "if orphaned:",
        ("tests/workers/test_qwen3_launch_units.py",),
    ),
    Sabotage(
        "a step that is taken again begins with what the one that was rolled back left",
        "app/workers/synthesis/qwen3/step_graph.py",
        "cache.inputs, cache.history = before.inputs, before.history",
        "pass",
        ("tests/workers/test_qwen3_launch_units.py",),
    ),
    Sabotage(
        "a step copies all keys and values",
        "app/workers/synthesis/qwen3/step_graph.py",
        "self._before.keys[layer] = self._before.values[layer] = None",
        "pass",
        ("tests/workers/test_qwen3_launch_units.py",),
    ),
    Sabotage(
        "audio of a render comes before a listener's first",
        "app/workers/synthesis/qwen3/audio_decoder.py",
        "for lane in (Lane.SPEAK,) if awaiting else Lane:\n            decoding",
        "for lane in Lane:\n            decoding",
        ("tests/workers/test_qwen3_launch_units.py",),
    ),
    Sabotage(
        "NaN in a sequence is not reported",
        "app/workers/synthesis/qwen3/talker.py",
        "mx.where(finite[:, None], codes, self.non_finite_code)",
        "codes",
        ("tests/workers/test_qwen3_batch.py",),
    ),
    Sabotage(
        "a take may repeat what it has said long ago",
        "app/workers/synthesis/qwen3/sampling.py",
        "return mx.put_along_axis(history, codes[:, None], mx.array(True), axis=1)",
        "return mx.arange(history.shape[1]) == codes[:, None]",
        ("tests/workers/test_qwen3_makers.py", "tests/workers/test_qwen3_sampling.py"),
    ),
    Sabotage(
        "text that lies beside the codes is left out",
        "app/workers/synthesis/qwen3/sequence.py",
        "if self.generated < text.shape[1] else None",
        "if self.generated < 0 else None",
        ("tests/workers/test_qwen3_makers.py",),
    ),
    Sabotage(
        "a prompt that is known but for its last position begins with another's",
        "app/workers/synthesis/qwen3/prefill.py",
        "            self._start_if_prefilled(sequence)\n\n",
        "\n",
        ("tests/workers/test_qwen3.py",),
    ),
    Sabotage(
        "a speaker embedding is computed with another window",
        "app/workers/synthesis/qwen3/reference_encoder.py",
        "np.arange(WINDOW) / WINDOW",
        "np.arange(WINDOW) / (WINDOW - 1)",
        ("tests/workers/test_qwen3_makers.py",),
    ),
    Sabotage(
        "a recording is encoded with another activation",
        "app/workers/synthesis/qwen3/reference_encoder.py",
        "layer.gating.activation = nn.gelu",
        "layer.gating.activation = nn.gelu_approx",
        ("tests/workers/test_qwen3_makers.py",),
    ),
    Sabotage(
        "what was heard by older arithmetic is taken",
        "app/workers/synthesis/qwen3/references.py",
        "{self._fingerprint}\\0{VERSION}",
        "{self._fingerprint}",
        ("tests/workers/test_qwen3_references.py",),
    ),
    Sabotage(
        "a checkpoint may name code",
        "app/inference/checkpoint/folder.py",
        '("auto_map", "model_file", "custom_pipelines", "custom_code", "custom_generate", "trust_remote_code")',
        "()",
        ("tests/inference/test_checkpoint_folder.py",),
    ),
    Sabotage(
        "a take may be as short as it likes",
        "app/scheduler/attempts.py",
        "if heard_s < min_take_seconds(spoken, rate):",
        "if False:",
        ("tests/scheduler/test_attempts.py", "tests/scheduler/test_short_takes.py"),
    ),
    Sabotage(
        "a chunk is left out although nobody allowed it",
        "app/scheduler/chunk_writer.py",
        "chunk.given_up = last and job.settings.allow_gaps",
        "chunk.given_up = last",
        ("tests/api/test_gaps.py",),
    ),
    Sabotage(
        "a clone's transcript may be anything",
        "app/usecases/voices.py",
        "if not expected / TRANSCRIPT_FITS <= recording.seconds <= TRANSCRIPT_FITS * expected + 1:",
        "if False:",
        ("tests/api/test_voices.py",),
    ),
    Sabotage(
        "a voice whose files are gone is spoken all the same",
        "app/usecases/voices.py",
        'if not (own / "reference.wav").is_file():',
        "if False:",
        ("tests/api/test_voices.py", "tests/test_qwen3.py"),
    ),
    Sabotage(
        "two daemons that start at once are not kept apart",
        "app/daemon/binding.py",
        "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        BINDING,
    ),
    Sabotage(
        "the socket of a daemon that lives is taken for what a dead one left",
        "app/daemon/binding.py",
        'raise StartFailed(f"another daemon listens at {path}; stop it with: q3tts stop", exit_code=75)',
        "path.unlink()",
        BINDING,
    ),
    Sabotage(
        "anybody's file is removed to make room for the daemon's socket",
        "app/daemon/binding.py",
        "if not stat.S_ISSOCK(mode):",
        "if False:",
        BINDING,
    ),
    Sabotage(
        "the daemon's socket is open to everybody for a moment",
        "app/daemon/binding.py",
        "before = os.umask(0o177)",
        "before = os.umask(0)",
        BINDING,
    ),
    Sabotage(
        "a daemon that ends removes another one's socket",
        "app/daemon/binding.py",
        "if self._file is not None and self._file == _file_at(self.path):",
        "if self._file is not None:",
        BINDING,
    ),
    Sabotage(
        "a daemon that has ended removes a socket again",
        "app/daemon/binding.py",
        "self._file = None  # a number",
        "pass  # a number",
        BINDING,
    ),
    Sabotage(
        "the daemon serves any user",
        "app/daemon/server.py",
        "if not _is_owner(connection):",
        "if False:",
        DAEMON,
    ),
    Sabotage(
        "the daemon serves any number at once",
        "app/daemon/server.py",
        "if self._unanswered > MAX_REQUESTS:",
        "if False:",
        DAEMON,
    ),
    Sabotage(
        "the daemon waits for a request for ever",
        "app/daemon/server.py",
        "async with asyncio.timeout(REQUEST_PATIENCE_S):",
        "async with asyncio.timeout(3600):",
        DAEMON,
    ),
    Sabotage(
        "the daemon does not see that its client has gone",
        "app/daemon/server.py",
        "while not peer.gone(connection):",
        "while True:",
        DAEMON,
    ),
    Sabotage(
        "the daemon takes a client that sends no more for one that has gone",
        "app/daemon/server.py",
        "while not peer.gone(connection):",
        "while False:",
        DAEMON,
    ),
    Sabotage(
        "the daemon closes while its client still sends",
        "app/daemon/server.py",
        "async with asyncio.timeout(LINGER_S):",
        "if False:",
        DAEMON,
    ),
    Sabotage(
        "the daemon's handlers may end the engine",
        "app/daemon/server.py",
        "except SystemExit as error:",
        "except ZeroDivisionError as error:",
        DAEMON,
    ),
    Sabotage(
        "a stop of the daemon leaves what is running",
        "app/daemon/server.py",
        "self._closing.set()",
        "pass",
        DAEMON,
    ),
    Sabotage(
        "a second edit of the daemon's handlers is not seen",
        "app/daemon/reloading.py",
        "if source != self._source:",
        "if self._source is None:",
        ("tests/daemon/test_reloading.py",),
    ),
    Sabotage(
        "a broken edit of the daemon's handlers stays where modules are",
        "app/daemon/reloading.py",
        "if before is not None:",
        "if False:",
        ("tests/daemon/test_reloading.py",),
    ),
    Sabotage(
        "a daemon's client that goes leaves its job running",
        "app/daemon/handlers.py",
        "await engine.parts.scheduler.cancel(job_id)",
        "pass",
        GENERATE,
    ),
    Sabotage(
        "a canceled job of the daemon is played to its end",
        "app/daemon/handlers.py",
        "raise _Silence",
        "pass",
        GENERATE,
    ),
    Sabotage(
        "the model runs away from the daemon's speakers",
        "app/daemon/handlers.py",
        "backpressure=play",
        "backpressure=False",
        GENERATE,
    ),
    Sabotage(
        "a command stops an engine that others still use",
        "app/cli/lifeline.py",
        "            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            pass\n",
        ("tests/cli/test_lifeline.py",),
    ),
    Sabotage(
        "a job's client cancels a job of another",
        "app/daemon/handlers.py",
        "    with suppress(JobNotFound):\n",
        "    with suppress(JobNotFound, IdempotencyConflict):\n",
        GENERATE,
    ),
    Sabotage(
        "chosen jobs are deleted without a question",
        "app/cli/job_deletion.py",
        "        if not yes:\n",
        "        if False:\n",
        ("tests/cli/test_jobs.py",),
    ),
    Sabotage(
        "a text without a mark is always UTF-8",
        "app/cli/reading.py",
        "    chosen = encoding or _encoding_of(data)\n",
        '    chosen = encoding or "utf-8"\n',
        ("tests/cli/test_reading.py",),
    ),
    Sabotage(
        "words after a dash are options",
        "app/cli/say.py",
        "_NO_OPTION + word if is_text and not is_value else word",
        "word",
        ("tests/cli/test_say.py",),
    ),
    Sabotage(
        "the daemon forgets to say what has been heard",
        "app/daemon/handlers.py",
        "engine.parts.jobs.report_playhead(job_id, event.text_range.end_char)",
        "pass",
        GENERATE,
    ),
    Sabotage(
        "the daemon makes a described voice twice",
        "app/usecases/voice_chooser.py",
        "async with self._designing:",
        "if True:",
        ("tests/daemon/test_choosing.py",),
    ),
    Sabotage(
        "the daemon's file is written in place",
        "app/daemon/output.py",
        "atomic_write(path, mode=FILE_MODE & ~umask, unique=True) as target,",
        'path.open("wb") as target,',
        ("tests/daemon/test_output.py",),
    ),
    Sabotage(
        "the daemon's file has the mode of the engine's own",
        "app/daemon/output.py",
        "mode=FILE_MODE & ~umask",
        "mode=0o600",
        ("tests/daemon/test_output.py",),
    ),
    Sabotage(
        "MLX does not see the BLAS",
        "app/workers/synthesis/blas/preload.py",
        "library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)",
        "library = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)",
        ("tests/workers/test_blas.py",),
    ),
    Sabotage(
        "a library that others put into the cache is loaded",
        "app/workers/synthesis/blas/cache.py",
        "return bool(status.st_mode & others)",
        "return False",
        ("tests/workers/test_blas.py",),
    ),
    Sabotage(
        "a damaged copy of the BLAS is loaded",
        "app/workers/synthesis/blas/cache.py",
        "if path.name == _name(path)",
        "if path.name",
        ("tests/workers/test_blas.py",),
    ),
    Sabotage(
        "the length of the KV cache changes a result",
        "app/workers/synthesis/qwen3/attention.py",
        "KEYS = 256",
        "KEYS = 1 << 20",
        ("tests/workers/test_qwen3_kernels.py",),
    ),
    Sabotage(
        "the number of rows in a product changes a result",
        "app/workers/synthesis/qwen3/linear.py",
        "self._min_rows = find_min_rows(inputs, width)",
        "self._min_rows = 1",
        ("tests/workers/test_qwen3_kernels.py",),
    ),
    Sabotage(
        "who waits for text keeps others out",
        "app/scheduler/scheduler.py",
        "job.lane is lane and not self._scripts.starved(job.id)",
        "job.lane is lane",
        ("tests/api/test_contexts.py",),
    ),
    Sabotage(
        "a quotation that is open is cut",
        "app/text/sentence_stream.py",
        "if cut is None or is_open(seen[:cut]):",
        "if cut is None:",
        ("tests/text/test_incremental.py",),
    ),
    Sabotage(
        "a pause is made without knowing what follows",
        "app/scheduler/pauses.py",
        "        if following == index and not whole:\n            return None\n",
        "",
        ("tests/scheduler/test_job_run.py",),
    ),
)


def copied(to: Path) -> None:
    """The files that git knows, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def noticed(sabotage: Sabotage, copy: Path) -> bool:
    """Whether a test turns red."""
    target = copy / sabotage.file
    sound = target.read_text()
    if sound.count(sabotage.old) != 1:
        raise SystemExit(f"{sabotage.file}: {sabotage.old!r} is there {sound.count(sabotage.old)} times, not once")
    target.write_text(sound.replace(sabotage.old, sabotage.new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not long"]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                [*command, *sabotage.tests], cwd=copy, env=environment, capture_output=True, timeout=300
            )
        except subprocess.TimeoutExpired:
            return True
        if done.returncode not in (0, 1):
            raise SystemExit(f"the tests for {sabotage.what!r} did not run: pytest ended with {done.returncode}")
        return done.returncode == 1
    finally:
        target.write_text(sound)


def main() -> int:
    """Try all of them, or those whose words are given; the number that no test noticed."""
    words = " ".join(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copied(copy)
        unnoticed = 0
        for sabotage in SABOTAGES:
            if words in sabotage.what:
                seen = noticed(sabotage, copy)
                unnoticed += not seen
                print(f"{'noticed ' if seen else 'UNNOTICED'}  {sabotage.what}", flush=True)
    print(f"{unnoticed} unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
