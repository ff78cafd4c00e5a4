import type { Command } from 'commander'
import { AppError } from '../shared/errors/index.ts'
import { parseDuration } from '../shared/time/index.ts'
import { orderOf } from './list.ts'

type Options = Readonly<Record<string, string | boolean | undefined>>

/** The options of every list that can be cut in time. */
export function timed(command: Command): Command {
  return command
    .option('--since <time>', 'from then on: ISO 8601, or how long ago, such as 24h')
    .option('--until <time>', 'before then')
}

/** What they say, as a list's filter takes it. @throws AppError `usage.invalid` */
export function timesOf(options: Options, now: number): { readonly since?: string; readonly until?: string } {
  const since = timeOf('--since', options.since, now)
  const until = timeOf('--until', options.until, now)
  if (since !== undefined && until !== undefined && since >= until)
    throw new AppError('usage.invalid', { message: '--since must be before --until' })
  return {
    ...(since === undefined ? {} : { since: String(since) }),
    ...(until === undefined ? {} : { until: String(until) }),
  }
}

/** A moment as people give it. @throws AppError `usage.invalid` */
export function timeOf(option: string, text: Options[string], now: number): number | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(String(text))
  const at = ago === undefined ? Date.parse(String(text)) : now - ago
  if (!Number.isSafeInteger(at) || at < 0)
    throw new AppError('usage.invalid', {
      message: `${option}: \`${String(text)}\` is no time`,
      hint: 'Give a time such as 2026-11-23T22:00:00Z, or how long ago, such as 24h.',
    })
  return at
}

const ends = ['newest', 'oldest']

/** The options of a list in the order of time: which stretch of it, and from which end, or in which further order. */
export function inTime(command: Command, further: readonly string[] = []): Command {
  return timed(command).option('--sort <order>', `${[...ends, ...further].join(', ')} (first)`, 'newest')
}

/** What they say, as a list's filter takes it. @throws AppError `usage.invalid` */
export function stretchOf(
  options: Options,
  now: number,
  further: readonly string[] = [],
): Readonly<Record<string, string>> {
  const order = orderOf(options, [...ends, ...further])
  return { ...timesOf(options, now), ...(order === undefined ? {} : { order }) }
}
