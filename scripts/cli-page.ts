import { type CommandHelp, commandHelp, type Described, everywhere } from './command-help.ts'

/** `docs/reference/cli.md`: every command with its options, from the command line itself. */
export function cliPage(): string {
  const root = commandHelp()
  const common = (leafOf(root)?.options ?? []).filter(isCommon)
  return `${[
    '# The command line',
    'Generated from the commands (`npm run gen`); `holdfast COMMAND --help` says the same.',
    `## Every command\n\n${tableOf('option', common)}`,
    ...root.verbs.map(each => chapter(each)),
  ].join('\n\n')}\n`
}

function chapter(command: CommandHelp): string {
  return command.verbs.length === 0
    ? section(command, '##')
    : [
        `## ${command.name}`,
        sentence(command.summary),
        ...command.verbs.map(each => section(each, '###')),
      ].join('\n\n')
}

function section(command: CommandHelp, heading: string): string {
  const own = command.options.filter(each => !isCommon(each))
  return [
    `${heading} ${command.name}`,
    sentence(command.summary),
    `\`\`\`\n${[`${command.name} ${command.usage}`.trim(), '', ...command.examples.map(each => `$ ${each}`)].join('\n').trimEnd()}\n\`\`\``,
    ...(command.exits === '' ? [] : [`Exit status: ${command.exits}.`]),
    ...(command.args.length === 0 ? [] : [tableOf('argument', command.args)]),
    ...(own.length === 0 ? [] : [tableOf('option', own)]),
  ].join('\n\n')
}

function leafOf(command: CommandHelp): CommandHelp | undefined {
  return command.verbs.length === 0 ? command : leafOf(command.verbs[0] ?? command)
}

function isCommon({ term }: Described): boolean {
  return everywhere.some(option => term.includes(option))
}

function tableOf(what: string, rows: readonly Described[]): string {
  const lines = rows.map(({ term, about }) => `| \`${term.replaceAll('|', '\\|')}\` | ${cell(about)} |`)
  return [`| ${what} | |`, '|---|---|', ...lines].join('\n')
}

function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll(/`([^`]*)`/g, '`$1`')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
