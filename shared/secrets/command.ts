import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { readEnvironment } from '../config/environment.ts'
import { largestSecret } from '../config/secret-file.ts'
import { AppError } from '../errors/index.ts'
import type { CommandSource } from './source.ts'

const usualTimeout = 10_000

/**
 * Runs a program and takes what it prints as the secret. No shell; PATH, HOME and what `pass_env` names are all it
 * sees. Nothing it prints is ever repeated, not even its complaints: they could hold the secret.
 *
 * @throws AppError `secret.exposed` when others may write the program, `secret.unreadable`
 */
export async function secretOfCommand(source: CommandSource, signal?: AbortSignal): Promise<string> {
  const [program = '', ...args] = source.command
  const unreadable = (detail: string, cause?: unknown) =>
    new AppError('secret.unreadable', {
      message: 'the command for a secret gave none',
      context: { command: program, detail },
      hint: 'Run it as the user Holdfast runs as; what it prints is not shown here.',
      ...(cause === undefined ? {} : { cause }),
    })
  await refuseForeign(program, unreadable)
  const deadline = AbortSignal.timeout(source.timeout ?? usualTimeout)
  const child = spawn(program, args, {
    env: environmentFor(source.pass_env ?? []),
    stdio: ['ignore', 'pipe', 'ignore'],
    signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
    killSignal: 'SIGKILL',
  })
  const closed = once(child, 'close')
  closed.catch(() => undefined)
  try {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      size += chunk.byteLength
      if (size > largestSecret) throw unreadable('it printed more than 64 KiB')
      chunks.push(chunk)
    }
    const [code, killedBy] = (await closed) as [number | null, string | null]
    if (code !== 0) throw unreadable(code === null ? `ended by ${killedBy}` : `exit status ${code}`)
    if (size === 0) throw unreadable('it printed nothing')
    return Buffer.concat(chunks)
      .toString('utf8')
      .replace(/\r?\n$/, '')
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    if (signal?.aborted) throw AppError.from(signal.reason, 'interrupted')
    if (deadline.aborted) throw unreadable(`not done after ${source.timeout ?? usualTimeout} ms`)
    throw unreadable((thrown as NodeJS.ErrnoException).code ?? 'failed', thrown)
  } finally {
    child.kill('SIGKILL')
  }
}

/** Whoever may write the program may read the secret. */
async function refuseForeign(program: string, unreadable: (detail: string) => AppError): Promise<void> {
  if (!program.startsWith('/')) throw unreadable('the program must be an absolute path')
  const { mode } = await stat(program).catch((thrown: NodeJS.ErrnoException) => {
    throw unreadable(thrown.code ?? 'not found')
  })
  if ((mode & 0o022) !== 0)
    throw new AppError('secret.exposed', {
      message: 'the program that gives a secret can be changed by others',
      context: { command: program, mode: (mode & 0o777).toString(8).padStart(4, '0') },
      hint: 'Run `chmod go-w` on it.',
    })
}

function environmentFor(names: readonly string[]): Record<string, string> {
  const ours = readEnvironment('')
  return Object.fromEntries(
    ['PATH', 'HOME', ...names].flatMap(name => {
      const value = ours[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
