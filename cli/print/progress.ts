import stringWidth from 'string-width'
import type { Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { bytes, shortDuration } from './units.ts'

/** Whether a job stays as it is. */
export function isEnded({ state }: Pick<Job, 'state'>): boolean {
  return ['succeeded', 'failed', 'cancelled'].includes(state)
}

/** The share of a job that is done, 0 to 1; undefined when nothing is predicted. A job at work is never all done. */
export function shareOf({ state, progress }: Pick<Job, 'state' | 'progress'>): number | undefined {
  if (state === 'succeeded') return 1
  if (progress === undefined || progress.predictedRawBytes <= 0) return undefined
  return Math.min(0.99, progress.rawBytes / progress.predictedRawBytes)
}

/** A bar of so many columns, to an eighth of one. */
export function bar(share: number, columns: number): string {
  const eighths = Math.round(share * columns * 8)
  const full = Math.floor(eighths / 8)
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? ''
  return `${'█'.repeat(full)}${rest}`.padEnd(columns, '░')
}

/**
 * How far a job is, in one line of at most `width` columns: a bar with its share where it is predicted, bytes, rate,
 * predicted time to the end, time so far. What does not fit is left out, the least telling first.
 *
 * @param elapsed milliseconds since one began to look
 */
export function progressLine(job: Job, elapsed: number, width: number): string {
  const { progress, state } = job
  const share = shareOf(job)
  const drawn =
    share === undefined ? state : `${bar(share, 20)} ${String(Math.floor(share * 100)).padStart(2)} %`
  const facts =
    progress === undefined || isEnded(job)
      ? []
      : [
          { text: share === undefined ? '' : state, worth: 1 },
          { text: progress.stage, worth: 2 },
          { text: sizes(progress), worth: 4 },
          { text: progress.bytesPerSecond > 0 ? `${bytes(progress.bytesPerSecond)}/s` : '', worth: 5 },
          {
            text: progress.remainingMs > 0 ? `about ${shortDuration(progress.remainingMs)} left` : '',
            worth: 6,
          },
          { text: progress.retries > 0 ? `${progress.retries} retries` : '', worth: 3 },
        ]
  let shown = [...facts, { text: shortDuration(elapsed), worth: 0 }].filter(({ text }) => text !== '')
  const line = () => [drawn, ...shown.map(({ text }) => text)].join(' · ')
  while (shown.length > 0 && stringWidth(line()) > width) {
    const least = Math.min(...shown.map(({ worth }) => worth))
    shown = shown.filter(({ worth }) => worth !== least)
  }
  return stringWidth(line()) <= width ? line() : state
}

function sizes({ rawBytes, predictedRawBytes, storedBytes }: NonNullable<Job['progress']>): string {
  const of = predictedRawBytes > 0 ? ` of about ${bytes(predictedRawBytes)}` : ' read'
  return `${bytes(rawBytes)}${of}, ${bytes(storedBytes)} stored`
}
