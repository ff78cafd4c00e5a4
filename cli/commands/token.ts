import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { operatorRoles } from '../../shared/model/role.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { Token } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { approvable, approvableOf } from '../mutation.ts'
import { table } from '../print/table.ts'
import { instant } from '../print/units.ts'
import { selectorText } from './whoami.ts'

/** `holdfast token create|list|revoke`. */
export function tokenCommand(terminal: Terminal): Command {
  return noun('token', 'what operators show to be known', [
    create(terminal),
    listing(terminal),
    revoke(terminal),
  ])
}

function create(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'create',
      summary: 'make a token; it is printed once, to stdout, and only its hash is kept',
      examples: [
        '(umask 077; holdfast token create --name alice --role operator --ttl 90d > alice.token)',
        'holdfast token create --name team-a --role restorer --ttl 30d --selector service=orders-*',
      ],
    },
    command =>
      approvable(
        command
          .requiredOption('--name <name>', 'whose it is')
          .requiredOption('--role <role>', operatorRoles.join(', '))
          .requiredOption('--ttl <duration>', 'how long it opens anything, such as 12h or 90d')
          .option(
            '--selector <selector>',
            'see and touch only these clusters: key=pattern joined by commas, of cluster, service, datacenter, engine, tag',
          ),
      ),
    async ({ coordinator, print, terminal: { err } }, _args, options) => {
      const ttlMs = parseDuration(String(options.ttl))
      if (ttlMs === undefined)
        throw new AppError('usage.invalid', {
          message: '--ttl must be a duration such as 12h or 90d',
          context: { ttl: String(options.ttl) },
        })
      const answer = await coordinator.ask('createToken', {
        name: String(options.name),
        role: String(options.role),
        ttlMs,
        selector: selectorOf(options.selector),
        ...approvableOf(options),
      })
      print(answer, () => answer.secret, [{ ...answer.token, secret: answer.secret }])
      const { tokenId, name, role, expiresAt } = answer.token ?? Token.fromPartial({})
      err(`${tokenId} of ${name} (${role})\nopens until ${instant(expiresAt)}; it is not shown again\n`)
    },
  )
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list tokens, newest first',
      examples: ['holdfast token list --state live', 'holdfast token list --name alice -o json'],
    },
    command =>
      paged(command).option('--state <state>', 'live, expired, revoked').option('--name <name>', 'whose'),
    async (session, _args, options) => {
      const { state, name } = options as Readonly<Record<string, string | undefined>>
      const ask = (request: Parameters<typeof session.coordinator.ask<'listTokens'>>[1]) =>
        session.coordinator.ask('listTokens', request)
      await list(session, options, { state, name }, ask, {
        rowsOf: answer => answer.tokens,
        key: 'tokens',
        like: Token.fromPartial({}),
        none: 'no token',
        table: rows =>
          table(
            rows,
            [
              { heading: 'TOKEN', value: t => t.tokenId, shrinkTo: 8, cut: 'middle' },
              { heading: 'NAME', value: t => t.name, shrinkTo: 8 },
              { heading: 'ROLE', value: t => t.role },
              { heading: 'KIND', value: t => t.kind, wide: true },
              { heading: 'STATE', value: t => t.state },
              { heading: 'EXPIRES', value: t => instant(t.expiresAt) },
              { heading: 'SEES', value: t => selectorText(t.selector) || 'the fleet', shrinkTo: 9 },
              { heading: 'MADE BY', value: t => t.createdBy, wide: true },
            ],
            terminal.width,
          ),
      })
    },
  )
}

function revoke(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'revoke',
      summary: 'take a token away: from the next call on it opens nothing',
      examples: ['holdfast token revoke tok_01890a5d-… --reason "left the company"'],
    },
    command => approvable(command.argument('<token>', 'token id, or a name with one live token')),
    async ({ coordinator, print }, [token = ''], options) => {
      const answer = await coordinator.ask('revokeToken', { token, ...approvableOf(options) })
      print(answer.token, () => `${answer.token?.tokenId} of ${answer.token?.name} opens nothing any more`)
    },
  )
}

/** `key=pattern` pairs joined by commas, as fields. @throws AppError `usage.invalid` */
export function selectorOf(option: string | boolean | undefined) {
  if (typeof option !== 'string') return []
  return option.split(',').map(pair => {
    const at = pair.indexOf('=')
    if (at < 1)
      throw new AppError('usage.invalid', {
        message: '--selector must be key=pattern pairs joined by commas, such as service=orders-*',
        context: { selector: option },
      })
    return { name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() }
  })
}
