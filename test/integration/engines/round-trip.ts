import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type {
  DumpOptions,
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
  options: DumpOptions = {},
): Promise<{ source: RestoreSource; fileOf: (stream: string) => string; session: DumpSession }> {
  const session = await engine.openDump(target, { scope: 'database', name: database }, context, options)
  try {
    const fileOf = await streamsTo(folder, session)
    return { source: sourceOf(session, database), fileOf, session }
  } finally {
    await session.close()
  }
}

/** Runs the streams of an open dump into files, one after the other, and hears its account. */
export async function streamsTo(folder: string, session: DumpSession): Promise<(stream: string) => string> {
  const base = await mkdtemp(join(folder, 'dump-'))
  const fileOf = (stream: string) => join(base, stream)
  for (const stream of session.streams) {
    const ended = await runCommand(stream.command, { stdout: fileOf(stream.name) })
    expect(ended).toEqual({ status: 0, stderr: expect.any(String) })
    if (stream.tap !== undefined) {
      const said = join(base, 'said')
      expect(
        await runCommand(stream.tap.command, { stdin: fileOf(stream.name), stdout: said }),
      ).toMatchObject({
        status: 0,
      })
      stream.tap.take(await readFile(said))
    }
    await session.verify(stream, ended.stderr)
  }
  await session.account?.()
  return fileOf
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
    const names = source.streams.map(({ name }) => name).sort()
    for (const phase of session.phases ?? names.map(name => [name]))
      await Promise.all(
        phase.map(async name => {
          const ended = await runCommand(session.consumer(name), { stdin: fileOf(name) })
          expect(ended).toEqual({ status: 0, stderr: expect.any(String) })
          await session.verify(name, ended.stderr)
        }),
      )
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
