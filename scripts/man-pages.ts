import { version } from '../shared/model/version.ts'
import { type CommandHelp, commandHelp, type Described } from './command-help.ts'

/** Man pages by path: `holdfast(1)`, and one for each noun. */
export function manPages(): Readonly<Record<string, string>> {
  const root = commandHelp()
  const others = root.verbs.map(each => `${each.name.replaceAll(' ', '-')}(1)`)
  return Object.fromEntries(
    [root, ...root.verbs].map(each => {
      const name = each.name.replaceAll(' ', '-')
      return [`docs/man/${name}.1`, page(each, name, each === root ? others : ['holdfast(1)'])]
    }),
  )
}

function page(command: CommandHelp, name: string, seeAlso: readonly string[]): string {
  const verbs = command.verbs.length === 0 ? [command] : command.verbs
  return `${[
    String.raw`.\" generated from the commands: npm run gen`,
    `.TH ${name.toUpperCase()} 1 "" "holdfast ${version}" "Holdfast"`,
    '.SH NAME',
    `${text(name)} \\- ${text(command.summary)}`,
    '.SH SYNOPSIS',
    ...verbs.flatMap(each => [
      '.br',
      `.B ${text(each.name)}`,
      ...(each.usage === '' ? [] : [text(each.usage)]),
    ]),
    ...(command.name === 'holdfast' ? overview(command) : verbs.flatMap(details)),
    '.SH SEE ALSO',
    seeAlso.map(text).join(', '),
  ].join('\n')}\n`
}

function overview(root: CommandHelp): readonly string[] {
  return [
    '.SH COMMANDS',
    ...root.verbs.flatMap(each => ['.TP', `.B ${text(each.name)}`, text(each.summary)]),
    ...optionsOf(root.options, '.SH OPTIONS'),
    ...examplesOf(root, '.SH EXAMPLES'),
    '.SH ENVIRONMENT',
    ...(
      [
        ['HOLDFAST_COORDINATOR', 'coordinator to ask, host:port'],
        ['HOLDFAST_PROFILE', 'profile to use'],
        ['HOLDFAST_CONFIG', 'file of profiles in place of ~/.config/holdfast/config.yaml'],
        ['NO_COLOR', 'with any value: no colours'],
      ] as const
    ).flatMap(([name, about]) => ['.TP', `.B ${name}`, text(about)]),
    '.SH FILES',
    '.TP',
    '.I ~/.config/holdfast/config.yaml',
    'profiles: coordinators by name',
  ]
}

function details(command: CommandHelp): readonly string[] {
  return [
    `.SH ${text(command.name.toUpperCase())}`,
    text(command.summary),
    ...optionsOf(command.args, '.SS Arguments'),
    ...optionsOf(command.options, '.SS Options'),
    ...(command.exits === '' ? [] : ['.SS Exit status', text(command.exits)]),
    ...examplesOf(command, '.SS Examples'),
  ]
}

function optionsOf(options: readonly Described[], heading: string): readonly string[] {
  if (options.length === 0) return []
  return [heading, ...options.flatMap(({ term, about }) => ['.TP', `.B ${text(term)}`, text(about)])]
}

function examplesOf({ examples }: CommandHelp, heading: string): readonly string[] {
  return examples.length === 0 ? [] : [heading, '.nf', ...examples.map(each => text(`$ ${each}`)), '.fi']
}

/** Text that roff takes for text. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll('…', '...')
    .replace(/^([.'])/, String.raw`\&$1`)
}
