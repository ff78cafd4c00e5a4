import { rename, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { run } from '../../test/harness/index.ts'
import type { BenchRow } from '../row.ts'
import type { PipelineOptions } from './options.ts'
import type { Samples } from './sample.ts'
import type { World } from './world.ts'

/** Where and with what it was measured. */
export interface Machine {
  readonly cores: number
  readonly processor: string
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  readonly postgres: number
  /** First lines of the tools' versions. */
  readonly tools: readonly string[]
}

/** Looks at the machine and the tools. */
export async function machine(world: World): Promise<Machine> {
  const text = `for tool in pg_dump zstd pv aws rclone age; do
    command -v $tool > /dev/null || { echo "$tool: absent"; continue; }
    case $tool in rclone) rclone version ;; age) echo "age $(age --version)" ;; *) $tool --version ;; esac 2>&1 | head -1
  done`
  const { stdout } = await run('bash', ['--norc', '-c', text], { env: world.environment('sink') })
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    postgres: world.postgres.version,
    tools: stdout.trim().split('\n'),
  }
}

/** Writes everything measured so far; a file that is there is replaced in one step. */
export async function record(
  file: string,
  found: {
    readonly startedAt: string
    readonly machine: Machine
    readonly options: PipelineOptions
    readonly samples: Samples
    readonly rows: readonly BenchRow[]
  },
): Promise<void> {
  const { samples, ...rest } = found
  const text = JSON.stringify(
    { ...rest, failed: Object.fromEntries(samples.failed), samples: samples.all },
    null,
    1,
  )
  await writeFile(`${file}.new`, `${text}\n`)
  await rename(`${file}.new`, file)
}
