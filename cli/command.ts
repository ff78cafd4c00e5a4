import { Command } from 'commander'
import { Answer } from '../shared/command-line/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { defaultCoordinator } from '../shared/model/ports.ts'
import { type Coordinator, connect } from './connect.ts'
import { json } from './print/json.ts'
import { rowsAsCsv } from './print/rows.ts'
import { atWords } from './print/table.ts'
import { yaml } from './print/yaml.ts'
import { withProfile } from './profiles.ts'
import { shownBy } from './shown.ts'
import type { Terminal } from './terminal.ts'
import { keepWatching, watchOf } from './watch.ts'

export type { Terminal } from './terminal.ts'

/** How answers are shown: for people (`wide` cuts nothing and shows more columns), or for programs. */
const formats = ['table', 'wide', 'json', 'yaml', 'csv'] as const
type Format = (typeof formats)[number]

/** What a command's action gets: the terminal, the coordinator, and how to print an answer. */
export interface Session {
  readonly terminal: Terminal
  readonly coordinator: Coordinator
  /** The answer is read by people, not by a program. */
  readonly forPeople: boolean
  /**
   * Prints the text, or `answer` as `-o` says. As CSV it is one row, or `rows`, where the answer holds several things;
   * `like` is one of them with every field, for the headings of none.
   */
  print(answer: unknown, text: () => string, rows?: readonly unknown[], like?: unknown): void
}

/** A leaf command with the options all of them have, its example under `--help`, and its action in a session. */
export function leaf(
  terminal: Terminal,
  about: {
    readonly name: string
    readonly summary: string
    readonly examples: readonly string[]
    readonly exits?: string
  },
  shape: (command: Command) => Command,
  action: (
    session: Session,
    args: readonly string[],
    options: Readonly<Record<string, string | boolean | undefined>>,
  ) => Promise<void>,
): Command {
  const command = shape(new Command(about.name).description(about.summary))
    .option(
      '-c, --coordinator <host:port>',
      `coordinator to ask (HOLDFAST_COORDINATOR, default ${defaultCoordinator})`,
    )
    .option('--profile <profile>', 'coordinator of this profile (HOLDFAST_PROFILE; `holdfast profile list`)')
    .option('--token-file <path>', 'file of your token, yours alone (HOLDFAST_TOKEN_FILE; or HOLDFAST_TOKEN)')
    .option('--identity <folder>', 'ca.crt, client.crt and client.key to ask with (HOLDFAST_IDENTITY)')
    .option('-o, --output <format>', `${formats.slice(0, -1).join(', ')} or ${formats.at(-1)}`, 'table')
    .option('--no-color', 'no colours; as with NO_COLOR, or where the output is no terminal')
    .addHelpText('after', helpTail(about))
  return command.action(async (...given: unknown[]) => {
    const options = command.opts<Record<string, string | boolean | undefined>>()
    const format = formatOf(options.output)
    const asked = typeof options.profile === 'string' ? options.profile : undefined
    const environment =
      options.coordinator === undefined ? withProfile(terminal.environment, asked) : terminal.environment
    const address = String(options.coordinator || environment['HOLDFAST_COORDINATOR'] || defaultCoordinator)
    const shown = { identity: text(options.identity), tokenFile: text(options.tokenFile) }
    const coordinator = connect(address, await shownBy(shown, environment))
    try {
      const args = given.slice(0, command.registeredArguments.length).map(arg => String(arg ?? ''))
      const print: Session['print'] = (answer, text, rows = [answer], like = {}) => {
        if (format === 'csv') terminal.out(rowsAsCsv(rows, like))
        else if (format === 'json' || format === 'yaml')
          terminal.out(`${(format === 'json' ? json : yaml)(answer)}\n`)
        else terminal.out(`${sentence(text(), terminal.width)}\n`)
      }
      const forPeople = format === 'table' || format === 'wide'
      const watch = watchOf(options, terminal, forPeople)
      if (watch === undefined) return await action({ terminal, coordinator, forPeople, print }, args, options)
      await keepWatching(watch, titleOf(command, args), terminal, async () => {
        let picture = ''
        const add = (text: string) => {
          picture += text
        }
        const painted: Session['print'] = (_answer, text) => add(`${sentence(text(), terminal.width)}\n`)
        try {
          await action(
            { terminal: { ...terminal, err: add }, coordinator, forPeople, print: painted },
            args,
            options,
          )
        } catch (thrown) {
          if (!(thrown instanceof Answer)) throw thrown
        }
        return picture
      })
    } finally {
      coordinator.close()
    }
  })
}

/** An answer of one line goes on in further ones; tables and cards see to their width themselves. */
function sentence(text: string, width: number): string {
  return text.includes('\n') ? text : atWords(text, width).join('\n')
}

function text(option: string | boolean | undefined): string | undefined {
  return typeof option === 'string' ? option : undefined
}

/** The command line as somebody would write it, without what says how it is shown. */
function titleOf(command: Command, args: readonly string[]): string {
  const names: string[] = []
  for (let each: Command | null = command; each !== null; each = each.parent) names.unshift(each.name())
  const given = command.options.filter(
    each =>
      command.getOptionValueSource(each.attributeName()) === 'cli' &&
      !['watch', 'every', 'color', 'coordinator', 'profile'].includes(each.attributeName()),
  )
  const options = given.flatMap(each => {
    const value: unknown = command.getOptionValue(each.attributeName())
    return value === true ? [each.long ?? ''] : [each.long ?? '', String(value)]
  })
  return [...names, ...args.filter(arg => arg !== ''), ...options].join(' ')
}

function formatOf(option: string | boolean | undefined): Format {
  const format = formats.find(each => each === option)
  if (format !== undefined) return format
  throw new AppError('usage.invalid', {
    message: `\`${String(option)}\` is no output format; there are ${formats.join(', ')}`,
  })
}

function helpTail(about: { readonly examples: readonly string[]; readonly exits?: string }): string {
  const examples = about.examples.map(example => `  $ ${example}`).join('\n')
  const exits = about.exits === undefined ? '' : `\n\nExit status:\n  ${about.exits}`
  return `\nExample${about.examples.length > 1 ? 's' : ''}:\n${examples}${exits}`
}

/** A noun with its verbs. */
export function noun(name: string, summary: string, verbs: readonly Command[]): Command {
  const command = new Command(name).description(summary)
  for (const verb of verbs) command.addCommand(verb)
  return command
}
