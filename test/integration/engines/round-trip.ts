import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type {
  DumpSession,
  Engine,
  EngineContext,
  InstanceTarget,
  RestoreSession,
  RestoreSource,
} from '../../../agent/engines/port.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import { runCommand } from './run-command.ts'

/** An attempt id of the form that `newId` makes; the end tells restores of a test apart. */
export function attemptId(end = '000000000001'): string {
  return `att_01900000-0000-7000-8000-${end}`
}

/** A context with a scratch folder of its own inside `folder`, and tools from `bin` before the host's. */
export async function contextIn(
  folder: string,
  options: { bin?: string; signal?: AbortSignal; tools?: EngineContext['tools'] } = {},
): Promise<EngineContext> {
  return {
    scratch: await mkdtemp(join(folder, 'scratch-')),
    tools: options.tools ?? createToolFinder(options.bin === undefined ? {} : { folders: [options.bin] }),
    signal: options.signal ?? new AbortController().signal,
  }
}

/** What a manifest would say of a dump. */
export function sourceOf(session: DumpSession, databaseName: string): RestoreSource {
  return {
    engine: session.engine,
    databaseName,
    ...(session.settings === undefined ? {} : { settings: session.settings }),
    requirements: session.requirements,
    streams: session.streams.map(({ name, format }) => ({ name, format })),
  }
}

/** Dumps a database into files, as a pipeline would, and returns what a restore needs. */
export async function dumpTo(
  folder: string,
  engine: Engine,
  target: InstanceTarget,
  database: string,
  context: EngineContext,
): Promise<{ source: RestoreSource; fileOf: (stream: string) => string; session: DumpSession }> {
  const session = await engine.openDump(target, { scope: 'database', name: database }, context)
  const base = await mkdtemp(join(folder, 'dump-'))
  const fileOf = (stream: string) => join(base, stream)
  for (const stream of session.streams) {
    const ended = await runCommand(stream.command, { stdout: fileOf(stream.name) })
    expect(ended).toEqual({ status: 0, stderr: expect.any(String) })
    await session.verify(stream, ended.stderr)
  }
  await session.close()
  return { source: sourceOf(session, database), fileOf, session }
}

/** Restores from files up to the commit and beyond; returns the closed session. */
export async function restoreFrom(
  engine: Engine,
  target: InstanceTarget,
  source: RestoreSource,
  fileOf: (stream: string) => string,
  into: string,
  context: EngineContext,
  attempt = attemptId(),
): Promise<RestoreSession> {
  const session = await engine.openRestore(target, source, into, attempt, context)
  try {
    for (const stream of [...source.streams].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const ended = await runCommand(session.consumer(stream.name), { stdin: fileOf(stream.name) })
      expect(ended).toEqual({ status: 0, stderr: expect.any(String) })
      await session.verify(stream.name, ended.stderr)
    }
    await session.prepareCommit()
    await session.commit()
  } catch (thrown) {
    await session.abandon()
    throw thrown
  } finally {
    await session.close()
  }
  return session
}
