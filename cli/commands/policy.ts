import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { formatDuration } from '../../shared/time/index.ts'
import {
  type CheckPoliciesResponse,
  type GetEffectivePolicyResponse,
  type GetPoliciesResponse,
  PolicyChangeEntry,
  type PolicyFinding,
  PolicyRuleEntry,
  PolicySettingEntry,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { approvable, approvableOf } from '../mutation.ts'
import { atWords, table } from '../print/table.ts'
import { ago } from '../print/units.ts'

/** `holdfast policy list|get|validate|diff|apply`: what is promised to which databases. */
export function policyCommand(terminal: Terminal): Command {
  return noun('policy', 'look at what is promised to which databases, and change it', [
    listing(terminal),
    getting(terminal),
    validating(terminal),
    comparing(terminal),
    applying(terminal),
  ])
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list the rules in force, and what a look at them finds',
      examples: ['holdfast policy list'],
    },
    command => command,
    async ({ coordinator, print }) => {
      const policies = await coordinator.ask('getPolicies', { revision: 0 })
      const { text: _, ...answer } = policies
      print(answer, () => listed(policies, terminal), policies.rules, PolicyRuleEntry.fromPartial({}))
    },
  )
}

function getting(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'get',
      summary: 'print the policies in force, one rule, or what holds for a database and which rule says so',
      examples: [
        'holdfast policy get > policies.yaml',
        'holdfast policy get production',
        'holdfast policy get --effective orders-db/orders',
      ],
    },
    command =>
      command
        .argument('[rule]', 'name of a rule; without it all, as YAML')
        .option('--effective <database>', 'database id, name, or service/name')
        .option('--revision <n>', 'the text of a former revision'),
    async ({ coordinator, print }, [name = ''], options) => {
      const { effective, revision } = options
      if ([name !== '', effective !== undefined, revision !== undefined].filter(Boolean).length > 1)
        throw usage('give one of a rule, --effective and --revision')
      if (effective !== undefined) {
        const answer = await coordinator.ask('getEffectivePolicy', { database: String(effective) })
        print(answer, () => told(answer, terminal), answer.settings, PolicySettingEntry.fromPartial({}))
        return
      }
      const number = revision === undefined ? 0 : Number(revision)
      if (!Number.isInteger(number) || number < 0) throw usage('--revision takes a whole number')
      const answer = await coordinator.ask('getPolicies', { revision: number })
      if (name === '') {
        print(answer, () => answer.text.trimEnd())
        return
      }
      const rule = answer.rules.find(each => each.name === name)
      if (rule === undefined)
        throw new AppError('not-found', {
          message: `there is no rule \`${name}\``,
          hint: '`holdfast policy list` shows those there are.',
        })
      print(
        rule,
        () =>
          [
            `${rule.name} (${rule.layer})`,
            `matches ${rule.match === '' ? 'everything' : rule.match}; ${count(rule.databases)}`,
            '',
            ...rule.settings.map(each => `${each.key}: ${each.value}`),
          ].join('\n'),
        rule.settings,
        PolicySettingEntry.fromPartial({}),
      )
    },
  )
}

function validating(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'validate',
      summary: 'look at a file of policies, alone and against the fleet; nothing changes',
      examples: ['holdfast policy validate policies.yaml'],
      exits: '0 it could be applied; 1 it could not',
    },
    command => command.argument('<file>', 'YAML; - for standard input'),
    async ({ coordinator, print }, [file = '']) => {
      const check = await coordinator.ask('checkPolicies', { text: read(file) })
      const refused = check.problems.length > 0 || check.findings.some(isNewError)
      print(check, () =>
        [
          ...check.problems.map(each => bullet(`error: ${each}`, terminal)),
          ...check.findings.map(each => findingLine(each, terminal)),
          ...(check.problems.length > 0
            ? []
            : [`${refused ? 'not valid' : 'valid'} for ${count(check.databases)}, ${changed(check)}`]),
        ].join('\n'),
      )
      if (refused) throw new Answer(1)
    },
  )
}

function comparing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'diff',
      summary: 'show what a file of policies would change, by setting and by database',
      examples: ['holdfast policy diff policies.yaml'],
      exits: '0 nothing would change; 1 something would',
    },
    command => command.argument('<file>', 'YAML; - for standard input'),
    async ({ coordinator, print }, [file = '']) => {
      const check = await coordinator.ask('checkPolicies', { text: read(file) })
      if (check.problems.length > 0) throw refused(check.problems, terminal)
      print(
        check,
        () =>
          check.changes.length === 0
            ? 'nothing would change'
            : [
                ...check.changes.map(each => changeLine(each, terminal)),
                '',
                changed(check),
                ...check.effects.map(effectLine).map(each => bullet(each, terminal)),
              ].join('\n'),
        check.changes,
        PolicyChangeEntry.fromPartial({}),
      )
      if (check.changes.length > 0) throw new Answer(1)
    },
  )
}

function applying(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'apply',
      summary: 'put a file of policies in force, without a restart',
      examples: [
        'holdfast policy apply policies.yaml --reason "orders: RPO 1 h, CHG-91"',
        'holdfast policy apply --from-configuration --reason "back to what is deployed"',
      ],
    },
    command =>
      approvable(command.argument('[file]', 'YAML; - for standard input'))
        .option('--from-configuration', 'what the coordinator is configured with, in place of a file')
        .option('--revision <n>', 'only if this revision is in force'),
    async ({ coordinator, print }, [file = ''], options) => {
      const fromConfiguration = options.fromConfiguration === true
      if (fromConfiguration === (file !== '')) throw usage('give a file, or --from-configuration')
      const expectedRevision = options.revision === undefined ? 0 : Number(options.revision)
      if (!Number.isInteger(expectedRevision) || expectedRevision < 0)
        throw usage('--revision takes a whole number')
      const answer = await coordinator
        .ask('applyPolicies', {
          text: fromConfiguration ? '' : read(file),
          ...{ fromConfiguration, expectedRevision },
          ...approvableOf(options),
        })
        .catch((thrown: unknown) => {
          const error = AppError.from(thrown)
          const problems = error.context['problems']
          throw error.code === 'policy.invalid' && Array.isArray(problems)
            ? refused(problems.map(String), terminal)
            : error
        })
      print(
        answer,
        () =>
          [
            ...answer.changes.map(each => changeLine(each, terminal)),
            `revision ${answer.revision} is in force${answer.changes.length === 0 ? ', it changes nothing' : ''}`,
          ].join('\n'),
        answer.changes,
        PolicyChangeEntry.fromPartial({}),
      )
    },
  )
}

const homes: Readonly<Record<string, string>> = {
  configuration: 'from the configuration of the coordinator',
  applied: 'as applied',
  file: 'from the watched file',
  consul: 'from Consul',
}

function listed(policies: GetPoliciesResponse, terminal: Terminal): string {
  const { revision, home, changedBy, at, kind, rules, findings, problem } = policies
  const since = at === 0 || home === 'configuration' ? '' : ` by ${changedBy} ${ago(at, terminal.now())}`
  const head = `revision ${revision}, ${homes[home] ?? home}${since}; ${
    kind === 'first-match' ? 'the first that matches holds' : 'the more exact is stronger'
  }`
  return [
    ...atWords(head, terminal.width),
    ...(problem === ''
      ? []
      : ['', ...atWords(`a newer text is refused: ${problem.replaceAll('\n', ' ')}`, terminal.width)]),
    '',
    rules.length === 0 ? 'there is no rule: no database has a policy' : ruleTable(rules, terminal),
    ...(findings.length === 0 ? [] : ['', ...findings.map(each => findingLine(each, terminal))]),
  ].join('\n')
}

function ruleTable(rules: readonly PolicyRuleEntry[], terminal: Terminal): string {
  return table(
    rules,
    [
      { heading: 'NAME', value: r => r.name, shrinkTo: 12, cut: 'middle' },
      { heading: 'LAYER', value: r => r.layer },
      { heading: 'MATCH', value: r => r.match || '-', shrinkTo: 12 },
      { heading: 'DATABASES', value: r => String(r.databases), align: 'right' },
      {
        heading: 'SETTINGS',
        value: r => r.settings.map(each => `${each.key} ${each.value}`).join(', '),
        shrinkTo: 16,
      },
    ],
    terminal.width,
  )
}

function told(answer: GetEffectivePolicyResponse, terminal: Terminal): string {
  const { name, policy, rules, settings, disagreements, everyMs } = answer
  if (rules.length === 0) return `${name} has no policy: no rule matches it`
  const head =
    policy === ''
      ? `${name} has no policy: no rule that matches it says where backups go`
      : `${name}: policy ${policy}, due every ${formatDuration(everyMs)} at most`
  return [
    ...atWords(head, terminal.width),
    ...atWords(`rules: ${rules.join(', ')}`, terminal.width),
    ...disagreements.map(each => bullet(`warning: ${each}`, terminal)),
    '',
    table(
      settings,
      [
        { heading: 'SETTING', value: s => s.key },
        { heading: 'VALUE', value: s => s.value, shrinkTo: 16 },
        {
          heading: 'GIVEN BY',
          value: s => (s.rule === '' ? '(default)' : s.rule),
          shrinkTo: 10,
          cut: 'middle',
        },
        { heading: 'LAYER', value: s => s.layer },
      ],
      terminal.width,
    ),
  ].join('\n')
}

function findingLine({ severity, where, text, stands }: PolicyFinding, terminal: Terminal): string {
  return bullet(
    `${severity === 'error' && stands ? 'standing error' : severity}: ${where}: ${text}`,
    terminal,
  )
}

function changeLine({ kind, key, before, after }: PolicyChangeEntry, terminal: Terminal): string {
  const value = (text: string) => (text === '' ? '' : `: ${text}`)
  const line =
    kind === 'added'
      ? `+ ${key}${value(after)}`
      : kind === 'removed'
        ? `- ${key}${value(before)}`
        : `~ ${key}: ${before} -> ${after}`
  return bullet(line, terminal)
}

function effectLine({
  before,
  after,
  databases,
  examples,
}: CheckPoliciesResponse['effects'][number]): string {
  const such = databases > 1 ? `such as ${examples.slice(0, 2).join(', ')}` : (examples[0] ?? '')
  return `${before || 'no policy'} -> ${after || 'no policy'}: ${count(databases)} (${such})`
}

function changed({ databasesChanged, databases }: CheckPoliciesResponse): string {
  return databasesChanged === 0
    ? 'no promise changes'
    : `the promise of ${databasesChanged} of ${count(databases)} changes`
}

function count(databases: number): string {
  return `${databases} database${databases === 1 ? '' : 's'}`
}

function isNewError({ severity, stands }: PolicyFinding): boolean {
  return severity === 'error' && !stands
}

/** A line that goes on indented. */
function bullet(text: string, { width }: Terminal): string {
  return text
    .split('\n')
    .flatMap(line => atWords(line, Math.max(20, width - 2)))
    .join('\n  ')
}

/** Every problem on lines of its own that fit. */
function refused(problems: readonly string[], terminal: Terminal): AppError {
  const lines = problems.map(each => bullet(each, terminal))
  return new AppError('policy.invalid', { message: ['the policies are refused', ...lines].join('\n') })
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (thrown) {
    throw usage(`${file} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}

function usage(message: string): AppError {
  return new AppError('usage.invalid', { message })
}
