import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { AppError, printFailure } from '../shared/errors/index.ts'
import { parseDuration } from '../shared/time/index.ts'
import type { Screen } from './screen.ts'
import type { Terminal } from './terminal.ts'

type Options = Readonly<Record<string, string | boolean | undefined>>

/** Adds `--watch` and `--every`. */
export function watchOption(command: Command): Command {
  return command
    .option('--watch', 'show it again and again on the whole screen, until Ctrl-C')
    .option('--every <duration>', 'with --watch: how often', '2s')
}

/** What `--watch` needs. @throws AppError `usage.invalid` without a terminal, or for an answer that programs read */
export function watchOf(options: Options, terminal: Terminal, forPeople: boolean): Watch | undefined {
  if (options['watch'] !== true) return undefined
  if (!forPeople) throw usage('--watch is for people: it goes with -o table and -o wide')
  if (terminal.screen === undefined) throw usage('--watch needs a terminal')
  const every = parseDuration(String(options['every']))
  if (every === undefined || every < 100) throw usage('--every must be a duration from 100ms, such as 5s')
  return { screen: terminal.screen, every }
}

/** Where a watch is painted, and every how many milliseconds. */
export interface Watch {
  readonly screen: Screen
  readonly every: number
}

/**
 * Paints what `show` says again and again, until the signal aborts. A question that fails is told in the picture:
 * a coordinator that is away may come back.
 *
 * @param show the text of one picture
 */
export async function keepWatching(
  { screen, every }: Watch,
  title: string,
  terminal: Pick<Terminal, 'now' | 'signal'>,
  show: () => Promise<string>,
): Promise<void> {
  const { signal } = terminal
  await screen.full(async () => {
    let resized = new AbortController()
    const off = screen.onResize(() => resized.abort())
    try {
      while (!signal.aborted) {
        resized = new AbortController()
        const text = await show().catch((thrown: unknown) => printFailure(AppError.from(thrown).toFailure()))
        if (signal.aborted) return
        const at = new Date(terminal.now()).toISOString().slice(11, 19)
        screen.paint([
          `${title} · ${at} UTC · Ctrl-C ends`.slice(0, screen.columns),
          '',
          ...text.trimEnd().split('\n'),
        ])
        await pause(every, undefined, { signal: AbortSignal.any([signal, resized.signal]) }).catch(
          () => undefined,
        )
      }
    } finally {
      off()
    }
  })
}

function usage(message: string): AppError {
  return new AppError('usage.invalid', { message })
}
