import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchRow } from '../row.ts'
import { columns, table } from '../table.ts'
import { type Case, cases, rowOf } from './cases.ts'
import { detailRows, detailTable } from './details.ts'
import type { PipelineOptions } from './options.ts'
import { machine, record } from './record.ts'
import { Samples } from './sample.ts'
import type { Course, Subject } from './subject.ts'
import { subjects } from './subjects.ts'
import { World } from './world.ts'

/** What the real S3 server can hold, bytes: it keeps what is deleted for hours. */
const s3Room = 14e9

/**
 * Measures the cases asked for, round by round, and tells. When `signal` aborts, tells what there is.
 *
 * @throws WrongOptions
 */
export async function takeCourse(
  options: PipelineOptions,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<readonly BenchRow[]> {
  const wanted = choose(options)
  const needed = subjects.filter(subject => wanted.some(each => each.subjects.includes(subject.name)))
  demandRoom(needed, options)
  const began = performance.now()
  const startedAt = new Date().toISOString()
  const progress = (line: string) => tell(`${clock(performance.now() - began)}  ${line}`)
  const samples = new Samples()
  const details = needed.filter(each => !each.name.startsWith('stage-')).map(each => each.name)
  const judged = () => wanted.map(each => rowOf(each, samples))
  const rows = () => [...judged(), ...details.flatMap(each => detailRows(each, samples))]
  const file =
    options.out ?? join(tmpdir(), `holdfast-bench-pipeline-${startedAt.replaceAll(/[:.]/g, '-')}.json`)
  try {
    await using world = await World.open({
      size: options.size,
      withS3: needed.some(subject => subject.needsS3),
      signal,
      tell: progress,
    })
    const at = await machine(world)
    tell(`${at.cores} × ${at.processor}, Linux ${at.kernel}, Node ${at.node}; ${at.tools.join('; ')}`)
    const course: Course = { streams: options.streams }
    for (let round = 1; round <= options.rounds; round++)
      for (const subject of needed) {
        if (round > (subject.mostRounds ?? options.rounds) || samples.failed.has(subject.name)) continue
        await take(subject, round, { world, course, samples, signal, progress })
        await record(file, { startedAt, machine: at, options, samples, rows: rows() })
      }
  } catch (thrown) {
    if (!signal.aborted) throw thrown
    progress('given up')
  } finally {
    tell(`everything measured is in ${file}`)
  }
  for (const line of ['', ...table(judged()), '', ...columns(detailTable(details, samples)), '']) tell(line)
  tellStrangers(samples, tell)
  return rows()
}

async function take(
  subject: Subject,
  round: number,
  at: {
    readonly world: World
    readonly course: Course
    readonly samples: Samples
    readonly signal: AbortSignal
    readonly progress: (line: string) => void
  },
): Promise<void> {
  const { world, course, samples, signal, progress } = at
  const { name } = subject
  const reason = subject.impossible?.(world)
  if (reason !== undefined) {
    samples.failed.set(name, reason)
    progress(`${name}: cannot be measured: ${reason}`)
    return
  }
  try {
    for (const database of subject.databases) await world.database(database)
    signal.throwIfAborted()
    await world.settle()
    const { cost, ...outcome } = await subject.run(world, course)
    const { stdout: _, ...numbers } = cost
    samples.all.push({ subject: name, round, ...numbers, ...outcome })
    const seconds = (value: number) => `${value.toFixed(1)} s`
    progress(
      `${name}, round ${round}: ${seconds(cost.wallSeconds)}, CPU ours ${seconds(cost.cpuSeconds)}, database ` +
        `${seconds(cost.databaseCpuSeconds)}, store ${seconds(cost.storeCpuSeconds)}, others ${seconds(cost.strangerCpuSeconds)}` +
        (cost.node === undefined
          ? ''
          : `; Node ${seconds(cost.node.cpuSeconds)}, ${Math.round(cost.node.peakRssBytes / (1 << 20))} MiB`),
    )
  } catch (thrown) {
    signal.throwIfAborted()
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    samples.failed.set(name, why)
    progress(`${name}, round ${round}: FAILED: ${why}`)
  }
}

/** What was asked for cannot be done. */
export class WrongOptions extends Error {}

/** The cases asked for. @throws WrongOptions */
function choose({ cases: names }: PipelineOptions): readonly Case[] {
  const unknown = names.find(name => !cases.some(each => each.name === name))
  if (unknown !== undefined)
    throw new WrongOptions(
      `no case is called ${unknown}; there are ${cases.map(each => each.name).join(', ')}`,
    )
  return names.length === 0 ? cases : cases.filter(each => names.includes(each.name))
}

function demandRoom(needed: readonly Subject[], { size, rounds }: PipelineOptions): void {
  const stored = (needed.filter(each => each.needsS3).length * rounds * size) / 3
  if (stored > s3Room)
    throw new WrongOptions(
      'the real S3 server of the tests cannot hold so much: give less --size, --rounds or --case',
    )
}

function tellStrangers(samples: Samples, tell: (line: string) => void): void {
  const wall = samples.all.reduce((sum, each) => sum + each.wallSeconds, 0)
  const strangers = samples.all.reduce((sum, each) => sum + each.strangerCpuSeconds, 0)
  if (strangers > wall * 0.05)
    tell(
      `the machine was not quiet: others used ${strangers.toFixed(0)} core-seconds in ${wall.toFixed(0)} s of measuring`,
    )
}

function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}`
}
