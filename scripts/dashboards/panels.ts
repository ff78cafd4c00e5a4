/**
 * Grafana dashboards as values: as much of their JSON model (schema 39, Grafana 10.4 and later) as ours use. Every panel
 * says what it is for; places are given by rows of equal height, so that nothing overlaps.
 */

/** A query and how its series are called. */
export interface Query {
  readonly expr: string
  readonly legend?: string
  /** One row for each series, now: for tables. */
  readonly instant?: boolean
}

export interface Panel {
  readonly type: 'stat' | 'timeseries' | 'table' | 'bargauge'
  readonly title: string
  /** What it tells and what to do about it. */
  readonly description: string
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of 24 columns. */
  readonly width: number
  readonly stack?: boolean
  /** Values from which a colour holds, lowest first. */
  readonly colours?: readonly { readonly from: number | null; readonly colour: 'green' | 'orange' | 'red' }[]
  /** Series that keep one colour wherever they are shown. */
  readonly fixed?: Readonly<Record<string, string>>
  /** Link of each value, with Grafana's variables. */
  readonly link?: { readonly title: string; readonly url: string }
  readonly hide?: readonly string[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  /** `label_values(metric, label)`. */
  readonly query: string
  readonly all?: boolean
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly variables: readonly Variable[]
  /** Rows of panels with a heading. */
  readonly rows: readonly {
    readonly title: string
    readonly height: number
    readonly panels: readonly Panel[]
  }[]
}

/** Uids of all of them: each links to the others. */
export const uids = {
  fleet: 'holdfast-fleet',
  database: 'holdfast-database',
  agents: 'holdfast-agents',
  coordinator: 'holdfast-coordinator',
} as const

/** From good to bad. */
export const badAbove = (from: number) =>
  [
    { from: null, colour: 'green' },
    { from, colour: 'red' },
  ] as const

/** States of protection keep their colours everywhere. */
export const protectionColours: Readonly<Record<string, string>> = {
  protected: 'green',
  due: 'blue',
  'at-risk': 'orange',
  breached: 'red',
  unprotected: 'dark-red',
}

const source = { type: 'prometheus', uid: '$datasource' }

/** The JSON that Grafana provisions. */
export function dashboardJson(dashboard: Dashboard): string {
  let id = 0
  let y = 0
  const panels: unknown[] = []
  for (const row of dashboard.rows) {
    panels.push({
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: 24, x: 0, y },
    })
    y += 1
    let x = 0
    for (const panel of row.panels) {
      if (x + panel.width > 24) throw new Error(`${dashboard.uid}: ${panel.title} does not fit its row`)
      panels.push(panelJson(panel, ++id, { h: row.height, w: panel.width, x, y }))
      x += panel.width
    }
    y += row.height
  }
  const json = {
    uid: dashboard.uid,
    title: dashboard.title,
    tags: ['holdfast'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    timezone: 'browser',
    refresh: '1m',
    time: { from: 'now-24h', to: 'now' },
    links: [
      {
        type: 'dashboards',
        title: 'Holdfast',
        icon: 'dashboard',
        tooltip: 'the other dashboards of Holdfast',
        tags: ['holdfast'],
        asDropdown: false,
        targetBlank: false,
        includeVars: false,
        keepTime: true,
      },
    ],
    templating: { list: [datasource, ...dashboard.variables.map(variableJson)] },
    annotations: { list: [] },
    panels,
  }
  return `${JSON.stringify(json, null, 2)}\n`
}

const datasource = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  refresh: 1,
  hide: 0,
}

function variableJson({ name, label, query, all = false }: Variable) {
  return {
    name,
    label,
    type: 'query',
    datasource: source,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    includeAll: all,
    multi: all,
    ...(all ? { allValue: '.*', current: { text: 'All', value: '$__all' } } : {}),
  }
}

function panelJson(panel: Panel, id: number, gridPos: object) {
  const { type, title, description, unit, queries, colours, fixed, link, hide = [] } = panel
  const table = type === 'table'
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: source,
    targets: queries.map((query, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: source,
      expr: query.expr,
      ...(query.legend === undefined ? {} : { legendFormat: query.legend }),
      ...(query.instant === true || type === 'stat' || type === 'bargauge'
        ? { instant: true, range: false }
        : {}),
      ...(table ? { format: 'table' } : {}),
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(colours === undefined
          ? {}
          : {
              thresholds: {
                mode: 'absolute',
                steps: colours.map(({ from, colour }) => ({ value: from, color: colour })),
              },
            }),
        ...(type === 'timeseries'
          ? {
              custom: {
                fillOpacity: panel.stack ? 40 : 8,
                stacking: { mode: panel.stack ? 'normal' : 'none' },
              },
            }
          : {}),
        ...(link === undefined ? {} : { links: [link] }),
      },
      overrides: Object.entries(fixed ?? {}).map(([name, colour]) => ({
        matcher: { id: 'byName', options: name },
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }],
      })),
    },
    options: optionsOf(type),
    ...(table
      ? {
          transformations: [
            { id: 'merge', options: {} },
            {
              id: 'organize',
              options: { excludeByName: Object.fromEntries(['Time', ...hide].map(name => [name, true])) },
            },
          ],
        }
      : {}),
  }
}

function optionsOf(type: Panel['type']): object {
  switch (type) {
    case 'stat':
      return { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'background', graphMode: 'none' }
    case 'bargauge':
      return { reduceOptions: { calcs: ['lastNotNull'] }, orientation: 'horizontal', displayMode: 'gradient' }
    case 'table':
      return { showHeader: true }
    case 'timeseries':
      return {
        legend: { displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'multi', sort: 'desc' },
      }
    default:
      return type satisfies never
  }
}
