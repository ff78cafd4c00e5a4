import { badAbove, type Dashboard, uids } from './panels.ts'

const of = '{cluster=~"$cluster",database=~"$database"}'

/** One database, or those of a cluster: from `/metrics/databases`. */
export const database: Dashboard = {
  uid: uids.database,
  title: 'Holdfast: database',
  variables: [
    {
      name: 'cluster',
      label: 'Cluster',
      query: 'label_values(holdfast_database_protection, cluster)',
      all: true,
    },
    {
      name: 'database',
      label: 'Database',
      query: 'label_values(holdfast_database_protection{cluster=~"$cluster"}, database)',
      all: true,
    },
  ],
  rows: [
    {
      title: 'Now',
      height: 10,
      panels: [
        {
          type: 'table',
          width: 16,
          title: 'Protection',
          description: 'State and reason now. Globals of a cluster have no database name.',
          unit: 'none',
          hide: ['__name__', 'instance', 'job', 'Value'],
          queries: [{ expr: `holdfast_database_protection${of}`, instant: true }],
        },
        {
          type: 'bargauge',
          width: 8,
          title: 'Age of data against RPO',
          description: 'From 1 the promise is broken.',
          unit: 'percentunit',
          colours: badAbove(1),
          queries: [
            {
              expr: `topk(20, (time() - holdfast_database_last_good_data_timestamp_seconds${of}) / holdfast_database_rpo_seconds${of})`,
              legend: '{{cluster}}/{{database}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Through time',
      height: 9,
      panels: [
        {
          type: 'timeseries',
          width: 8,
          title: 'Size',
          description:
            'What the server says, what a dump of it was, what that usually is, and what is stored.',
          unit: 'bytes',
          queries: [
            { expr: `holdfast_database_size_bytes${of}`, legend: 'server {{cluster}}/{{database}}' },
            { expr: `holdfast_database_backup_raw_bytes${of}`, legend: 'raw {{cluster}}/{{database}}' },
            {
              expr: `holdfast_database_backup_usual_raw_bytes${of}`,
              legend: 'usually raw {{cluster}}/{{database}}',
            },
            { expr: `holdfast_database_backup_stored_bytes${of}`, legend: 'stored {{cluster}}/{{database}}' },
          ],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Duration of the last good backup',
          description:
            'With what is usual and what it may take. A step up without a step in size means a slower host, network or bucket.',
          unit: 's',
          queries: [
            { expr: `holdfast_database_backup_duration_seconds${of}`, legend: '{{cluster}}/{{database}}' },
            {
              expr: `holdfast_database_backup_usual_duration_seconds${of}`,
              legend: 'usually {{cluster}}/{{database}}',
            },
            {
              expr: `holdfast_database_backup_allowed_seconds${of}`,
              legend: 'may take {{cluster}}/{{database}}',
            },
          ],
        },
        {
          type: 'timeseries',
          width: 8,
          title: 'Failures since the last good backup',
          description: '`holdfast job list --database` says why.',
          unit: 'none',
          queries: [
            { expr: `holdfast_database_consecutive_failures${of}`, legend: '{{cluster}}/{{database}}' },
          ],
        },
      ],
    },
  ],
}
