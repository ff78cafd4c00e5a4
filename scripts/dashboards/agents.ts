import { badAbove, type Dashboard, uids } from './panels.ts'

const of = '{host=~"$host"}'
const half = { type: 'timeseries', width: 8 } as const

/** The hosts as the coordinator sees them, and agents as they see themselves where they are scraped. */
export const agents: Dashboard = {
  uid: uids.agents,
  title: 'Holdfast: agents',
  variables: [
    {
      name: 'host',
      label: 'Host',
      query: 'label_values(holdfast_fleet_agent_last_seen_timestamp_seconds, host)',
      all: true,
    },
  ],
  rows: [
    {
      title: 'As the coordinator sees them',
      height: 9,
      panels: [
        {
          type: 'bargauge',
          width: 8,
          title: 'Not heard of for',
          description: 'The twenty that were silent longest. Three missed heartbeats are an alert.',
          unit: 's',
          colours: badAbove(60),
          queries: [
            {
              expr: `topk(20, time() - max by (host) (holdfast_fleet_agent_last_seen_timestamp_seconds${of}))`,
              legend: '{{host}}',
            },
          ],
        },
        {
          ...half,
          title: 'Attempts in hand',
          description: 'What each host works on.',
          unit: 'none',
          stack: true,
          queries: [{ expr: `sum by (host) (holdfast_fleet_agent_running${of})`, legend: '{{host}}' }],
        },
        {
          ...half,
          title: 'Clock offset',
          description: 'S3 refuses signatures from 15 minutes on.',
          unit: 's',
          queries: [
            { expr: `max by (host) (holdfast_fleet_agent_clock_offset_seconds${of})`, legend: '{{host}}' },
          ],
        },
      ],
    },
    {
      title: 'As they see themselves (where Prometheus scrapes agents)',
      height: 8,
      panels: [
        {
          ...half,
          title: 'Bytes of good attempts',
          description: 'Raw and stored.',
          unit: 'Bps',
          queries: [
            {
              expr: 'sum by (instance, form) (rate(holdfast_agent_bytes_total[$__rate_interval]))',
              legend: '{{instance}} {{form}}',
            },
          ],
        },
        {
          ...half,
          title: 'Memory of the agent',
          description: 'Flat whatever the size of a database.',
          unit: 'bytes',
          queries: [
            { expr: 'holdfast_process_resident_memory_bytes{job="holdfast-agent"}', legend: '{{instance}}' },
          ],
        },
        {
          ...half,
          title: 'Results not yet recorded',
          description: 'In the spool of each agent; they wait for the coordinator.',
          unit: 'none',
          queries: [
            {
              expr: 'sum by (instance, state) (holdfast_agent_spool_results)',
              legend: '{{instance}} {{state}}',
            },
          ],
        },
      ],
    },
  ],
}
