import { badAbove, type Dashboard, uids } from './panels.ts'

const third = { type: 'timeseries', width: 8 } as const
const job = '{job="holdfast-coordinator"}'

/** What goes on inside: leadership, store, links, alerts, the process. */
export const coordinator: Dashboard = {
  uid: uids.coordinator,
  title: 'Holdfast: coordinator',
  variables: [],
  rows: [
    {
      title: 'Who leads',
      height: 6,
      panels: [
        {
          type: 'stat',
          width: 4,
          title: 'Leaders',
          description: 'One. None means that nothing is planned; two that there are two stores.',
          unit: 'none',
          colours: [
            { from: null, colour: 'red' },
            { from: 1, colour: 'green' },
            { from: 2, colour: 'red' },
          ],
          queries: [{ expr: 'sum(holdfast_leader)' }],
        },
        {
          type: 'timeseries',
          width: 12,
          title: 'Term',
          description: 'A step is a change of leader or a restart.',
          unit: 'none',
          queries: [{ expr: 'holdfast_term', legend: '{{instance}}' }],
        },
        {
          type: 'table',
          width: 8,
          title: 'Versions',
          description: 'What runs where.',
          unit: 'none',
          hide: ['__name__', 'job', 'Value'],
          queries: [{ expr: 'holdfast_build_info', instant: true }],
        },
      ],
    },
    {
      title: 'Store',
      height: 8,
      panels: [
        {
          ...third,
          title: 'Commits',
          description: 'How long a group commit takes; every decision waits for one.',
          unit: 's',
          queries: [
            {
              expr: 'histogram_quantile(0.5, sum by (le) (rate(holdfast_store_batch_seconds_bucket[$__rate_interval])))',
              legend: 'p50',
            },
            {
              expr: 'histogram_quantile(0.99, sum by (le) (rate(holdfast_store_batch_seconds_bucket[$__rate_interval])))',
              legend: 'p99',
            },
          ],
        },
        {
          ...third,
          title: 'Steps written',
          description: 'Undone ones were refused by the job machine or the fence.',
          unit: 'ops',
          queries: [
            {
              expr: 'sum by (outcome) (rate(holdfast_store_steps_total[$__rate_interval]))',
              legend: '{{outcome}}',
            },
          ],
        },
        {
          ...third,
          title: 'Attempts under a lease',
          description: 'Running, or waiting to be accepted.',
          unit: 'none',
          queries: [{ expr: 'sum(holdfast_leases)', legend: 'leases' }],
        },
      ],
    },
    {
      title: 'Alerts and the door',
      height: 8,
      panels: [
        {
          ...third,
          title: 'Alert messages that wait or are dead',
          description: 'Dead ones were given up: nobody was told.',
          unit: 'none',
          queries: [{ expr: 'sum by (state) (holdfast_outbox)', legend: '{{state}}' }],
        },
        {
          ...third,
          title: 'Deliveries',
          description: 'By channel and outcome.',
          unit: 'none',
          queries: [
            {
              expr: 'sum by (channel, outcome) (increase(holdfast_alert_deliveries_total[1h])) or vector(0)',
              legend: '{{channel}} {{outcome}}',
            },
          ],
        },
        {
          ...third,
          title: 'Refused',
          description: 'At the door, each an audit event; and frames of agents that were not taken.',
          unit: 'none',
          queries: [
            { expr: 'sum(increase(holdfast_security_refused_total[1h]))', legend: 'security' },
            {
              expr: 'sum by (reason) (increase(holdfast_link_refused_total[1h])) or vector(0)',
              legend: 'link: {{reason}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Process',
      height: 8,
      panels: [
        {
          ...third,
          title: 'Event loop',
          description: 'Heartbeats are answered on it: 99th percentile of its lag.',
          unit: 's',
          queries: [{ expr: `holdfast_nodejs_eventloop_lag_p99_seconds${job}`, legend: '{{instance}}' }],
        },
        {
          ...third,
          title: 'Memory',
          description: 'Resident.',
          unit: 'bytes',
          queries: [{ expr: `holdfast_process_resident_memory_bytes${job}`, legend: '{{instance}}' }],
        },
        {
          ...third,
          title: 'CPU',
          description: 'Of one core.',
          unit: 'percentunit',
          queries: [
            {
              expr: `rate(holdfast_process_cpu_seconds_total${job}[$__rate_interval])`,
              legend: '{{instance}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Discovery',
      height: 5,
      panels: [
        {
          type: 'timeseries',
          width: 24,
          title: 'Discovery sources that answer',
          description: '0: the last known fleet stays, new servers are not noticed.',
          unit: 'none',
          colours: badAbove(2),
          queries: [{ expr: 'min by (source) (holdfast_discovery_up)', legend: '{{source}}' }],
        },
      ],
    },
  ],
}
