import { join } from 'node:path'
import { AppError } from '../../../shared/errors/index.ts'
import { type Command, runCommand } from '../../process/index.ts'
import type { EngineContext, FoundTool } from '../port.ts'
import { toolFailure } from './failure.ts'
import { conninfo } from './libpq.ts'
import { presentable } from './presentable.ts'
import { complaintsOf } from './stderr.ts'

/** The stream that holds the whole schema of a dump by streams. */
export const schemaStream = '000-schema'

/** What every pg_restore of one restore shares. */
export interface RestoreTools {
  readonly tool: FoundTool
  readonly working: string
  readonly environment: Readonly<Record<string, string>>
  readonly ownership: 'keep' | 'discard'
  readonly context: EngineContext
}

/** A pg_restore into the working database; without a file it reads an archive from stdin. */
export function restoreCommand(
  { tool, working, environment, ownership }: RestoreTools,
  args: readonly string[] = [],
): Command {
  return {
    name: 'pg_restore',
    program: tool.path,
    args: [
      '--exit-on-error',
      '--no-password',
      ...(ownership === 'discard' ? ['--no-owner', '--no-acl'] : []),
      ...['-d', conninfo(working), ...args],
    ],
    env: environment,
  }
}

/** The schema archive, kept in a small file of the scratch folder: read twice, and by several jobs at once. */
export function schemaFile(context: EngineContext): string {
  return join(context.scratch, `${schemaStream}.pgdump`)
}

/** Consumes the schema stream into its file. */
export async function schemaConsumer(context: EngineContext): Promise<Command> {
  const { path } = await context.tools.find(['tee'], [], 'path')
  return { name: 'tee', program: path, args: [schemaFile(context)] }
}

/**
 * Restores one section of the schema archive: types and tables before the rows, indexes, constraints and
 * triggers after them, by several jobs.
 *
 * @throws AppError what the tool's words mean, `restore.failed` for others
 */
export async function restoreSection(
  tools: RestoreTools,
  section: 'pre-data' | 'post-data',
  jobs: number,
): Promise<void> {
  const { context, working } = tools
  const parallel = section === 'post-data' && jobs > 1 ? [`-j${jobs}`] : []
  const command = restoreCommand(tools, [`--section=${section}`, ...parallel, schemaFile(context)])
  try {
    const { stderrTail } = await runCommand(command, {
      tools: context.tools,
      signal: context.signal,
      timeoutMs: 0,
    })
    const complaints = complaintsOf(stderrTail)
    if (complaints.length > 0)
      throw new AppError('restore.failed', {
        context: { stream: schemaStream, section, warnings: complaints },
      })
  } catch (thrown) {
    const error = AppError.from(thrown)
    const { stderr, ...rest } = error.context
    if (error.code !== 'stage.failed' || typeof stderr !== 'string') throw error
    const context = { ...rest, database: working, section }
    throw (
      toolFailure(stderr, context) ??
      new AppError('restore.failed', { context: { ...context, stderr: presentable(stderr) } })
    )
  }
}
