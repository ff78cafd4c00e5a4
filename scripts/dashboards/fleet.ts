import { badAbove, type Dashboard, protectionColours, uids } from './panels.ts'

const stat = { type: 'stat', width: 4 } as const

/** What is protected, what is not and why, and what is being done. */
export const fleet: Dashboard = {
  uid: uids.fleet,
  title: 'Holdfast: fleet',
  variables: [],
  rows: [
    {
      title: 'Promises',
      height: 4,
      panels: [
        {
          ...stat,
          title: 'Breached',
          description: 'Databases without a good backup inside their RPO. `holdfast gap list` says which.',
          unit: 'none',
          queries: [{ expr: 'sum(holdfast_breaches) or vector(0)' }],
          colours: badAbove(1),
        },
        {
          ...stat,
          title: 'Unprotected servers',
          description: 'Instances that nothing can back up now: no agent, no login, no policy.',
          unit: 'none',
          queries: [{ expr: 'sum(holdfast_instance_gaps) or vector(0)' }],
          colours: badAbove(1),
        },
        {
          ...stat,
          title: 'Databases',
          description: 'Databases and globals that have an RPO clock.',
          unit: 'none',
          queries: [{ expr: 'sum(holdfast_databases)' }],
        },
        {
          ...stat,
          title: 'Backups kept',
          description: 'Good backups on record.',
          unit: 'short',
          queries: [{ expr: 'max(holdfast_backups)' }],
        },
        {
          ...stat,
          title: 'Stored',
          description: 'Bytes of all backups on record, one copy each.',
          unit: 'bytes',
          queries: [{ expr: 'max(holdfast_stored_bytes)' }],
        },
        {
          ...stat,
          title: 'Agents not heard of',
          description: 'Silent for three heartbeats, or gone.',
          unit: 'none',
          queries: [{ expr: 'sum(holdfast_agents{state=~"silent|away"})' }],
          colours: badAbove(1),
        },
      ],
    },
    {
      title: 'Protection',
      height: 9,
      panels: [
        {
          type: 'timeseries',
          width: 12,
          title: 'Databases by state of protection',
          description: 'Green is inside its RPO; red is a broken promise.',
          unit: 'none',
          stack: true,
          fixed: protectionColours,
          queries: [{ expr: 'sum by (protection) (holdfast_databases)', legend: '{{protection}}' }],
        },
        {
          type: 'bargauge',
          width: 6,
          title: 'Age of the oldest good backup, by policy',
          description:
            'Age of the data (when it was true), of the database that is worst off in each policy.',
          unit: 's',
          queries: [
            {
              expr: 'time() - max by (policy) (holdfast_policy_oldest_data_timestamp_seconds)',
              legend: '{{policy}}',
            },
          ],
        },
        {
          type: 'timeseries',
          width: 6,
          title: 'Why not',
          description: 'Breaches and unprotected servers by reason.',
          unit: 'none',
          stack: true,
          queries: [
            { expr: 'sum by (reason) (holdfast_breaches) or vector(0)', legend: 'database: {{reason}}' },
            { expr: 'sum by (reason) (holdfast_instance_gaps) or vector(0)', legend: 'server: {{reason}}' },
          ],
        },
      ],
    },
    {
      title: 'Proof',
      height: 8,
      panels: [
        {
          type: 'timeseries',
          width: 8,
          title: 'Not proven by a restore',
          description:
            'Databases whose policy asks for verification: a backup was found bad, or none was tried for too long.',
          unit: 'none',
          stack: true,
          queries: [
            { expr: 'sum by (reason) (holdfast_databases_unproven) or vector(0)', legend: '{{reason}}' },
          ],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Verifications, per day',
          description: 'Backups restored into a throw-away server, by what that showed.',
          unit: 'none',
          stack: true,
          queries: [
            {
              expr: 'sum by (verdict) (increase(holdfast_verifications_total[1d])) or vector(0)',
              legend: '{{verdict}}',
            },
          ],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Measured RTO',
          description: 'How long those restores took in the last week: median and 99th percentile.',
          unit: 's',
          queries: [
            {
              expr: 'histogram_quantile(0.5, sum by (le) (increase(holdfast_verification_restore_seconds_bucket[7d]))) or vector(0)',
              legend: 'p50',
            },
            {
              expr: 'histogram_quantile(0.99, sum by (le) (increase(holdfast_verification_restore_seconds_bucket[7d]))) or vector(0)',
              legend: 'p99',
            },
          ],
        },
      ],
    },
    {
      title: 'Work',
      height: 8,
      panels: [
        {
          type: 'timeseries',
          width: 8,
          title: 'Bytes backed up',
          description:
            'Raw as the dump tools wrote, stored as they lie in the bucket, counted when a backup is recorded.',
          unit: 'Bps',
          queries: [
            {
              expr: 'sum by (engine) (rate(holdfast_backup_raw_bytes_total[$__rate_interval]))',
              legend: 'raw, {{engine}}',
            },
            {
              expr: 'sum by (engine) (rate(holdfast_backup_stored_bytes_total[$__rate_interval]))',
              legend: 'stored, {{engine}}',
            },
          ],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Jobs that are open',
          description: 'A queue that only grows means too little room before the deadlines.',
          unit: 'none',
          stack: true,
          queries: [{ expr: 'sum by (state) (holdfast_jobs)', legend: '{{state}}' }],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Jobs that ended, per hour',
          description: 'By kind and outcome; failed is final, after all retries.',
          unit: 'none',
          queries: [
            {
              expr: 'sum by (kind, outcome) (increase(holdfast_jobs_ended_total[1h]))',
              legend: '{{kind}} {{outcome}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Trouble',
      height: 8,
      panels: [
        {
          type: 'timeseries',
          width: 8,
          title: 'Databases whose attempts fail, by code',
          description: 'docs/reference/errors.md says what each code asks for.',
          unit: 'none',
          stack: true,
          queries: [{ expr: 'sum by (code) (holdfast_databases_failing) or vector(0)', legend: '{{code}}' }],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'How long backups take',
          description:
            'Median and 99th percentile of good ones, and for how long the oldest that runs has worked.',
          unit: 's',
          queries: [
            {
              expr: 'histogram_quantile(0.5, sum by (le) (increase(holdfast_backup_seconds_bucket[1d])))',
              legend: 'p50',
            },
            {
              expr: 'histogram_quantile(0.99, sum by (le) (increase(holdfast_backup_seconds_bucket[1d])))',
              legend: 'p99',
            },
            { expr: 'max(holdfast_longest_running_seconds{kind="backup"}) or vector(0)', legend: 'running' },
          ],
        },
        {
          type: 'table',
          width: 8,
          title: 'Policies',
          description: 'Databases of each policy by state of protection.',
          unit: 'none',
          hide: ['__name__', 'instance', 'job'],
          queries: [{ expr: 'sum by (policy, protection) (holdfast_policy_databases)', instant: true }],
        },
      ],
    },
  ],
}
