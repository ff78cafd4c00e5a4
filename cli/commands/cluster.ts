import type { Command } from 'commander'
import { Cluster, type GetClusterResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { story } from '../print/story.ts'
import { card, table } from '../print/table.ts'
import { ago, instant } from '../print/units.ts'

/** What each kind of conflict means, for those who meet it for the first time. */
const meanings: Readonly<Record<string, string>> = {
  clone:
    'both accept writes, as a staging server made from the files of production does; each is backed up for itself',
  'replica-apart':
    'one of them only follows and is shown as a server of its own; each is backed up for itself',
  unclear: 'it does not show which one accepts writes',
  ended: 'one of them is no longer there',
}

/** `holdfast cluster list|get`: who is who by which evidence, and who shows somebody else's identity. */
export function clusterCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list clusters, and which of them show one identity',
      examples: [
        'holdfast cluster list',
        'holdfast cluster list --conflicts',
        "holdfast cluster list --selector 'tag=prod'",
      ],
    },
    command =>
      selected(paged(command), 'servers').option(
        '--conflicts',
        'only those that share an identity with another',
      ),
    async (session, _args, options) => {
      await list(
        session,
        options,
        { conflict: options.conflicts === true ? 'true' : undefined, ...selectorOf(options) },
        request => session.coordinator.ask('listClusters', request),
        {
          rowsOf: answer => answer.clusters,
          key: 'clusters',
          like: Cluster.fromPartial({}),
          none: 'no cluster is known; look at `holdfast status` for the state of discovery',
          noneSuch: options.conflicts === true ? 'no two clusters show one identity' : 'no such cluster',
          table: rows => clusterTable(rows, terminal),
        },
      )
    },
  )
  const get = leaf(
    terminal,
    {
      name: 'get',
      summary: 'show one cluster with its evidence and conflicts',
      examples: ['holdfast cluster get orders-db'],
    },
    command => command.argument('<cluster>', 'cluster id, name or service'),
    async ({ coordinator, print }, [cluster = '']) => {
      const answer = await coordinator.ask('getCluster', { cluster })
      print(answer, () => clusterCard(answer, terminal))
    },
  )
  return noun('cluster', 'servers that hold the same data', [listing, get])
}

function clusterTable(rows: readonly Cluster[], terminal: Terminal): string {
  return table(
    rows,
    [
      { heading: 'CLUSTER', value: c => c.name, shrinkTo: 14 },
      { heading: 'ENGINE', value: c => c.engine },
      { heading: 'INSTANCES', value: c => String(c.instances), align: 'right' },
      { heading: 'DBS', value: c => String(c.databases), align: 'right' },
      {
        heading: 'GONE',
        value: c => (c.goneSince === 0 ? '-' : ago(c.goneSince, terminal.now())),
      },
      {
        heading: 'CONFLICT',
        value: c => c.conflicts.map(each => `${each.kind} ${otherOf(each)}`).join(', ') || '-',
        shrinkTo: 20,
      },
    ],
    terminal.width,
  )
}

function clusterCard({ cluster, instances }: GetClusterResponse, terminal: Terminal): string {
  if (cluster === undefined) return ''
  const now = terminal.now()
  const facts = card(
    [
      ['cluster', cluster.name],
      ['id', cluster.clusterId],
      ['engine', cluster.engine],
      ['databases', String(cluster.databases)],
      ['first seen', instant(cluster.firstSeenAt)],
      ['gone since', cluster.goneSince === 0 ? '' : instant(cluster.goneSince)],
    ],
    terminal.width,
  )
  const servers = instances.map(each => ({
    margin: '  ',
    text: `${each.address}:${each.port} on ${each.node || '-'}, ${each.role || 'role not known yet'}${each.goneSince > 0 ? `, gone ${ago(each.goneSince, now)}` : ''}`,
  }))
  const evidence = cluster.evidence.map(each => ({
    margin: '  ',
    text: `${each.kind} ${each.value}, first seen ${ago(each.firstSeenAt, now)}, last ${ago(each.lastSeenAt, now)}`,
  }))
  const conflicts = cluster.conflicts.map(each => ({
    margin: '  ',
    text: `${each.kind} ${otherOf(each)}, same ${each.shared.map(({ kind, value }) => `${kind} ${value}`).join(', ')}, since ${instant(each.firstSeenAt)}: ${meanings[each.kind] ?? 'a kind this client does not know'}`,
  }))
  const refused = cluster.policiesRefused.map(text => ({ margin: '  ', text }))
  return [
    facts,
    ...[
      ['instances', servers] as const,
      ['evidence', evidence] as const,
      ['conflicts', conflicts] as const,
      ['what service meta asks for and is not in effect', refused] as const,
    ].flatMap(([heading, lines]) =>
      lines.length === 0 ? [] : [`\n${heading}`, story(lines, terminal.width)],
    ),
  ].join('\n')
}

function otherOf({ clusterName, clusterId }: Cluster['conflicts'][number]): string {
  return clusterName || clusterId || '(outside your scope)'
}
