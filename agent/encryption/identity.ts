import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import { runCommand } from '../process/index.ts'

interface Tools {
  readonly tools: ToolFinder
  readonly signal: AbortSignal
}

const secretLine = /^AGE-SECRET-KEY-1[A-Z0-9]+$/m
const recipientLine = /^age1[a-z0-9]+$/

/** A fresh X25519 identity, made by `age-keygen`; it goes through a pipe into memory and never onto a disk. */
export async function freshIdentity(
  context: Tools,
): Promise<{ readonly secret: string; readonly recipient: string }> {
  const { path } = await context.tools.find(['age-keygen'], [], 'path')
  const { stdout } = await runCommand(
    { name: 'age-keygen', program: path, args: [] },
    { ...context, input: '' },
  )
  const secret = secretLine.exec(stdout)?.[0]
  if (secret === undefined) throw new AppError('internal', { message: 'age-keygen gave no identity' })
  const [recipient] = await recipientsOfIdentity(secret, context)
  if (recipient === undefined) throw new AppError('internal', { message: 'age-keygen gave no recipient' })
  return { secret, recipient }
}

/**
 * The recipients that the identities in a text stand for, as `age-keygen -y` tells them.
 *
 * @throws AppError `encryption.identity-invalid` for a text without X25519 identities
 */
export async function recipientsOfIdentity(text: string, context: Tools): Promise<readonly string[]> {
  const { path } = await context.tools.find(['age-keygen'], [], 'path')
  const { stdout } = await runCommand(
    { name: 'age-keygen', program: path, args: ['-y'] },
    { ...context, input: `${text}\n` },
  ).catch((thrown: unknown) => {
    // its words may repeat a line of the file
    if (AppError.from(thrown).code === 'stage.failed') throw new AppError('encryption.identity-invalid')
    throw thrown
  })
  return stdout.split('\n').filter(line => recipientLine.test(line))
}
