import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Command } from '../../../agent/process/command.ts'
import { childEnvironment } from '../../../agent/process/index.ts'

/** How a command of an engine ended. */
export interface Ended {
  readonly status: number | null
  readonly stderr: string
}

/** Runs a producer into a file, or a consumer from one, in the environment that the pipeline gives. */
export async function runCommand(
  command: Command,
  files: { stdout?: string; stdin?: string },
): Promise<Ended> {
  const child = spawn(command.program, command.args, {
    env: childEnvironment(command.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
  })
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve)
    child.on('error', reject)
  })
  const moved = [
    files.stdin === undefined
      ? child.stdin.end()
      : pipeline(createReadStream(files.stdin), child.stdin).catch(() => undefined),
    files.stdout === undefined
      ? child.stdout.resume()
      : pipeline(child.stdout, createWriteStream(files.stdout)),
  ]
  const [status] = await Promise.all([closed, ...moved])
  return { status, stderr }
}
