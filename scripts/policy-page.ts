import { findingCodes } from '../coordinator/policy/lint/index.ts'

/** What the page says of a setting. */
export interface DocumentedSetting {
  readonly default: string
  readonly meaning: string
  /** A line of YAML, or several, that could stand under `fleet`. */
  readonly example: string
}

/** Every setting; test/house/policy-page.test.ts holds it against the schema and reads every example. */
export const policySettings: Readonly<Record<string, DocumentedSetting>> = {
  rpo: {
    default: '26h',
    meaning:
      'No good backup whose data is younger than this is a breach. At least the longest time between two backups',
    example: 'rpo: 4h',
  },
  every: {
    default: 'layers: `auto`; a list of `policies`: `24h`',
    meaning:
      'How long after a backup the next one is due. `auto`: from `rpo` and how long a backup takes: `rpo` less twice that and the longest wait between attempts, at most three quarters of `rpo`, at least a quarter',
    example: 'every: auto',
  },
  cron: {
    default: '–',
    meaning: 'In place of `every`: minute, hour, day of month, month, day of week',
    example: 'cron: 30 1 * * *',
  },
  zone: {
    default: 'UTC',
    meaning:
      'IANA zone whose clocks `cron` speaks of. A time that they skip comes when they go on, one that they show twice comes once; `cron` of every hour goes by hours that pass',
    example: 'cron: 30 1 * * *\nzone: Europe/Berlin',
  },
  windows: {
    default: 'any time',
    meaning:
      'When jobs may start: UTC, or the zone named; on every day, or on those named. Past midnight where the end is not after the start. The window wins over `rpo`, and `window-too-small` opens at once',
    example: 'windows: [22:00-06:00, "Sat,Sun 00:00-12:00 Europe/Berlin"]',
  },
  blackouts: {
    default: 'none',
    meaning: 'When they may not, whatever `windows` says',
    example: 'blackouts: [Mon-Fri 08:00-18:00 Europe/Berlin]',
  },
  must_finish: {
    default: '`true`',
    meaning: 'Whether a job must end inside its window, by its predicted P90',
    example: 'must_finish: false',
  },
  importance: {
    default: '1',
    meaning: 'Whose promise is kept first where not all can be: 0 to 100',
    example: 'importance: 9',
  },
  replica: {
    default: '`prefer`',
    meaning:
      'Of a cluster with replicas: `prefer` one within `replica_max_lag`; `require`: wait for one, the gap `waiting-for-replica` meanwhile; `never`: only from a primary',
    example: 'replica: require\nreplica_max_lag: 1m',
  },
  replica_max_lag: {
    default: '5m',
    meaning:
      'Replication lag up to which a replica is preferred to its primary, or good enough where one is demanded; `0s`: never preferred',
    example: 'replica_max_lag: 30s',
  },
  destination: {
    default: 'must be given by some rule',
    meaning: 'Where backups go, or `destinations`',
    example: 'destination: main',
  },
  destinations: {
    default: '–',
    meaning: 'Several, the preferred one first: every backup is to lie in each',
    example: 'destinations: [main, far]',
  },
  copies: {
    default: '`at-once`',
    meaning: 'Of several: written with the dump, or copied `after` its commit',
    example: 'destinations: [main, far]\ncopies: after',
  },
  min_copies: {
    default: '1',
    meaning: 'Copies that must be committed for success; what is missing is copied later, and told of',
    example: 'destinations: [main, far]\nmin_copies: 2',
  },
  copy_patience: {
    default: '10m',
    meaning: 'How long destinations beyond `min_copies` may hold a dump up, in all',
    example: 'destinations: [main, far]\ncopy_patience: 30m',
  },
  'retention.keep_last': {
    default: '1, where `retention` says anything',
    meaning: 'So many of the newest good backups stay, whatever their age',
    example: 'retention: { keep_last: 7, keep_within: 14d }',
  },
  'retention.keep_within': {
    default: 'none',
    meaning:
      'All stay that are at most so much older than the newest good one: while backups fail, nothing gets older',
    example: 'retention: { keep_within: 30d }',
  },
  'retention.hourly': {
    default: 'none',
    meaning: 'Of so many hours (UTC) that have a good backup, the newest of each stays',
    example: 'retention: { hourly: 48 }',
  },
  'retention.daily': {
    default: 'none',
    meaning: 'The same of days',
    example: 'retention: { daily: 14, weekly: 8 }',
  },
  'retention.weekly': {
    default: 'none',
    meaning: 'The same of weeks, which begin on Monday',
    example: 'retention: { weekly: 8 }',
  },
  'retention.monthly': {
    default: 'none',
    meaning: 'The same of months',
    example: 'retention: { daily: 14, monthly: 12 }',
  },
  'retention.yearly': {
    default: 'none',
    meaning: 'The same of years',
    example: 'retention: { monthly: 12, yearly: 10 }',
  },
  'retention.zone': {
    default: 'UTC',
    meaning: 'IANA zone whose days, weeks, months and years they are',
    example: 'retention: { daily: 14, zone: Europe/Berlin }',
  },
  'retention.forever': {
    default: 'so it is where no rule says anything of `retention`',
    meaning: 'Everything stays, where a weaker rule says otherwise',
    example: 'retention: { forever: true }',
  },
  'retry.attempts': {
    default: '4',
    meaning: 'Attempts of a job, the first included: 1 to 100',
    example: 'retry: { attempts: 6 }',
  },
  'retry.base_delay': {
    default: '30s',
    meaning: 'Wait before the second attempt; it doubles with each',
    example: 'retry: { base_delay: 1m }',
  },
  'retry.max_delay': {
    default: '15m',
    meaning: 'The longest wait between two attempts, and after the last before the backup is due again',
    example: 'retry: { max_delay: 1h }',
  },
  max_rate: {
    default: 'no limit',
    meaning: 'Most bytes a second that each job stores; budgets limit what all of them store',
    example: 'max_rate: 50MB',
  },
  streams: {
    default: 'by cores and size',
    meaning:
      'Streams at the same time inside one PostgreSQL database, on one snapshot: 1 to 32; 1: one archive',
    example: 'streams: 4',
  },
  strategy: {
    default: '`streaming`',
    meaning:
      '`streaming`; `staged` over a private folder of the host, refused without room; `auto`: staged where there is room',
    example: 'strategy: auto',
  },
  long_running_after: {
    default: '–',
    meaning:
      'People are told (`long-running`) of a backup that runs longer than this, whatever is usual for its database',
    example: 'long_running_after: 4h',
  },
  long_running_factor: {
    default: '3',
    meaning:
      'The same as so many times the median of its database’s last backups; never less than six spreads or ten minutes above it',
    example: 'long_running_factor: 5',
  },
  timeout: {
    default: 'none',
    meaning:
      'An attempt of a backup, or of a copy of one, that takes longer is ended (`job.timed-out`) and retried',
    example: 'timeout: 6h',
  },
  restore_timeout: {
    default: 'none',
    meaning:
      'A restore of its backups that takes longer is ended (`job.timed-out`), and what it made is removed',
    example: 'restore_timeout: 12h',
  },
  blocking_limit: {
    default: '30s',
    meaning: 'A dump that blocks others for so long ends itself and is retried; `0s`: never',
    example: 'blocking_limit: 10s',
  },
  xmin_age_limit: {
    default: '500,000,000',
    meaning:
      'So many transactions since its snapshot end a PostgreSQL dump, which is retried: vacuum waits for it; 0: never',
    example: 'xmin_age_limit: 200000000',
  },
  replay_lag_limit: {
    default: 'never',
    meaning: 'A dump from a replica ends itself when what the replica received is not replayed for so long',
    example: 'replay_lag_limit: 30m',
  },
  replay_backlog_limit: {
    default: 'never',
    meaning: 'The same when so much log is received and not replayed',
    example: 'replay_backlog_limit: 10GB',
  },
  idle_timeout: {
    default: 'the agent’s',
    meaning: 'A stream without a byte for so long is ended and retried; at least 10s',
    example: 'idle_timeout: 5m',
  },
  'hooks.before': {
    default: 'none',
    meaning:
      'Names of [hooks](hooks.md) that run before the dump begins, in order. One that fails ends the attempt (`hook.failed`), which is retried',
    example: 'hooks: { before: [freeze-app] }',
  },
  'hooks.after': {
    default: 'none',
    meaning: 'Those that run once an attempt that began has ended, whatever became of it',
    example: 'hooks: { before: [freeze-app], after: [thaw-app] }',
  },
  'hooks.on_failure': {
    default: 'none',
    meaning: 'Those that run before them, when it failed',
    example: 'hooks: { on_failure: [tell-owner] }',
  },
  codec: {
    default: '`zstd`',
    meaning: '`zstd`, `gzip`, `xz`, `bzip2` or `none`',
    example: 'codec: gzip',
  },
  codec_level: {
    default: 'zstd 1, gzip and xz 6, bzip2 9',
    meaning: 'Level of `codec`',
    example: 'codec: zstd\ncodec_level: 6',
  },
  'compression.codec': {
    default: '`zstd`',
    meaning: '`compression` says more than `codec` and stands in its place',
    example: 'compression: { codec: xz }',
  },
  'compression.level': {
    default: 'as of `codec_level`',
    meaning: 'zstd 1 to 19, the others 1 to 9',
    example: 'compression: { level: 9 }',
  },
  'compression.long': {
    default: 'off',
    meaning: 'zstd’s long mode: log2 of its window in bytes, 10 to 31',
    example: 'compression: { long: 27 }',
  },
  'compression.threads': {
    default: 'one',
    meaning: 'Threads of zstd or xz: 1 to 64',
    example: 'compression: { threads: 2 }',
  },
  'encryption.required': {
    default: '`false`',
    meaning: 'Nothing may be stored in plaintext',
    example: 'encryption: { required: true }',
  },
  'encryption.recipients': {
    default: 'none',
    meaning: 'age recipients: `age1…`, `ssh-ed25519 …`, `ssh-rsa …` (public keys)',
    example: 'encryption: { recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p] }',
  },
  'encryption.recipients_file': {
    default: 'none',
    meaning: 'A file of recipients on the agents’ hosts',
    example: 'encryption: { recipients_file: /etc/holdfast/recipients }',
  },
  'encryption.kms_key': {
    default: 'none',
    meaning: 'AWS KMS key that wraps an identity made for each backup: ARN, id or alias',
    example: 'encryption: { kms_key: alias/holdfast }',
  },
  'encryption.break_glass': {
    default: 'none',
    meaning: 'Further recipients of every encrypted backup, for the day the key is gone',
    example: 'encryption: { break_glass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p] }',
  },
  'verification.every': {
    default: 'no verification',
    meaning:
      'How old the last proof of a database’s backups may get: then its newest good one is restored into a throw-away server and compared with its census. 1h to 366d; `verification: none` where a weaker rule asks for it',
    example: 'verification: { every: 7d }',
  },
  'verification.timeout': {
    default: '6h, or half of `every`',
    meaning: 'Such a restore that takes longer is ended and tried again; shorter than `every`',
    example: 'verification: { every: 7d, timeout: 12h }',
  },
  'verification.census': {
    default: '`rows`',
    meaning:
      '`rows`: backups count the rows of every table in their own snapshot, to be compared with; `none`: they do not, and that it restores is all that is proven',
    example: 'verification: { every: 30d, census: none }',
  },
  globals_passwords: {
    default: '`false`',
    meaning:
      'A cluster’s globals with the password verifiers of its roles: only where `encryption` says who can read it, or is `required`',
    example: 'globals_passwords: true\nencryption: { required: true }',
  },
  tell_success: {
    default: '`false`',
    meaning: 'Whether people are told of each backup that succeeded',
    example: 'tell_success: true',
  },
}

const findings: Readonly<Record<(typeof findingCodes)[number], readonly [string, string]>> = {
  disagreement: [
    'error',
    'two rules of equal rank give one database different values; the one written first holds',
  ],
  'no-destination': ['error', 'rules match a database and none says where its backups go: it has no policy'],
  'promise-too-short': [
    'error where it is made shorter, else warning',
    '`rpo` is shorter than the last backup took',
  ],
  'loses-policy': [
    'error where none would have one, else warning',
    'databases that have a policy would have none',
  ],
  'window-too-short': ['warning', 'a backup is predicted to take longer than the longest window is open'],
  'windows-too-full': [
    'warning',
    'the backups of a cluster, which does one at a time, take more of the time than its windows are open',
  ],
  'matches-nothing': ['warning', 'a rule, or a database, of which there is none'],
  'no-hook': ['error', 'no agent that backs a database up has a hook that its policy names'],
  'all-at-once': [
    'warning',
    'more than half of all databases with a `cron`, 20 at least, are due at one instant',
  ],
  'clock-skips': [
    'warning',
    'a `cron`, a window or a black-out names a time that the clocks of its zone skip within a year',
  ],
  'clock-repeats': ['warning', 'a `cron` names a time that they show twice'],
  'budget-of-nothing': ['warning', 'a budget of a host, cluster, site or destination there is not'],
  'budget-too-small': [
    'error',
    'a `max_rate` of a budget or a policy below 16 KiB a second: a unit is missing',
  ],
  'retention-only-counts': [
    'warning',
    '`keep_last` is all there is: backups made at once push out everything before them',
  ],
  'retention-shortened': [
    'warning',
    'fewer backups of databases that have some would be kept; can take a second person (`shorten-retention`)',
  ],
  'verification-weakened': [
    'warning',
    'databases that have backups would be proven more rarely, without a census, or not at all; can take a second person (`weaken-verification`)',
  ],
  'verification-too-often': [
    'warning',
    'the restores of a policy’s databases are predicted to take longer than `verification.every`, by all agents that verify together',
  ],
  'no-verifier': [
    'warning',
    'no agent can verify backups of an engine whose databases a policy wants verified',
  ],
  'meta-refused': [
    'warning',
    'service meta names a policy that there is none of, or that would weaken the one the rules choose: those hold',
  ],
}

/** docs/reference/policy.md: how policies are written, inherited, kept and changed. */
export function policyPage(): string {
  return `# Policies

Made by \`npm run gen\` from \`scripts/policy-page.ts\`; its examples and its list of settings are tested against the program. Why it is so:
[ADR 0200](../adr/0200-policies-are-in-one-place.md).

A policy says what is promised to a database and how it is kept. \`holdfast policy get --effective DATABASE\` shows what holds for one, and which rule gave each value.

## Inheritance

\`\`\`yaml
fleet:                                   # for every database that nothing stronger speaks of
  destination: main
  rpo: 26h
rules:                                   # for what they match; all that match are laid over each other
  - name: production
    match: { tags: [prod] }
    rpo: 4h
    importance: 5
  - name: nightly in Frankfurt
    match: { datacenters: [fra], databases: ["*_archive"] }
    cron: 30 1 * * *
    zone: Europe/Berlin
    rpo: 26h
databases:                               # for one each: service/name, cluster/name, or its id
  orders-db/orders: { rpo: 1h }
  orders-db/(globals): { every: 12h, rpo: 26h }
\`\`\`

- From the weakest to the strongest: what is built in, \`fleet\`, \`rules\`, \`databases\`. Each setting is inherited by itself: a rule changes what it says and nothing else.
- Rules are as strong as the most exact thing they ask: \`engines\`, \`datacenters\`, \`services\`, \`tags\`, \`clusters\`, \`databases\`, in that order. \`rank\` (-1000 to 1000, 0 when
  absent) decides before that. Rules of equal rank must agree about every database there is; should they not, the one written first holds, and it is told.
- A rule must match in each field it gives, and in one of the values of each. \`clusters\`, \`databases\` and \`exclude\` are patterns with \`*\`. A cluster's globals have no
  name: only \`*\`, or no \`databases\`, speaks for them.
- What only means something together is inherited together, from the strongest rule that gives any of it: \`every\`, \`cron\`, \`zone\`; \`destination\`, \`destinations\`, \`copies\`, \`min_copies\`,
  \`copy_patience\`; \`long_running_after\`, \`long_running_factor\`; \`codec\`, \`codec_level\`, \`compression\`; \`retention\`; \`verification\`. \`retry\`, \`encryption\` and \`hooks\` are
  inherited key by key; an empty list takes away what a weaker rule gave.
- A database is counted under the strongest rule that matches it (\`fleet\` when none does). Its policy's version changes with any value. One of which no rule says
  where its backups go has no policy: the gap \`no-policy\`.

The other form is a list of whole policies, of which the first that matches is all there is. It is not mixed with the layers:

\`\`\`yaml
policies:
  - name: important
    match: { services: [orders-db] }
    rpo: 8h
    every: 6h
    destination: main
  - name: everything
    destination: main
\`\`\`

There are no named parents, hence no cycles of them.

## Settings

| setting | default | meaning | example |
|---|---|---|---|
${Object.entries(policySettings)
  .map(
    ([key, { default: usual, meaning, example }]) =>
      `| \`${key}\` | ${usual} | ${meaning} | \`${example.replaceAll('\n', '`, `')}\` |`,
  )
  .join('\n')}

How retention decides, and what it never does: [retention.md](retention.md). How backups are proven: [verification.md](verification.md).

## Budgets

In the configuration, or with the policies; then in place of those of the configuration. \`slots\` are jobs at a time, \`max_rate\` the bytes a second that all of them store.
\`host\`, \`cluster\`, \`site\` and \`destination\` are for each of a kind; the plural ones for single ones by name, in place of the kind's. A site is a datacenter; a host may be
named as its agent calls it, or as discovery names its node.

The planner starts no more than is predicted to fit, and \`max_rate\` holds while jobs run, too: agents are told what each backup and copy may store, anew when jobs come or go. Who shares a
budget gets of it by what is predicted of it, at least that, and more while others leave it. What cannot be told counts as predicted: agents of older versions, what verifications
read, what an S3 service copies by itself. No job is held below 64 KiB a second.

\`\`\`yaml
fleet: { destination: main }
budgets:
  cluster: { slots: 1 }
  site: { slots: 40, max_rate: 2GB }
  sites: { ams: { slots: 10 } }
  destinations: { main: { max_rate: 1GB } }
  hosts: { db-host-7: { slots: 1, max_rate: 50MB } }
\`\`\`

## What else can stand beside them

\`slots_per_agent\`, and of \`alerts\` everything but the channels (\`routes\`, \`quiet_hours\`, \`remind_every\`, \`group_wait\`, \`group_interval\`, \`fold_above\`,
\`clock_offset\`, \`disk_free\`), each key in place of that of the [configuration](configuration.md), at once and without a restart. Channels and destinations
name secrets of the coordinator's host, \`retention\` and \`access\` guard backups against whoever writes policies, and the rest is read at a start: they stay there.

\`\`\`yaml
fleet: { destination: main }
slots_per_agent: 3
alerts:
  routes: [{ channels: [chat] }, { channels: [pager], min_severity: critical }]
  quiet_hours: { zone: Europe/Berlin, from: "22:00", to: "07:00" }
\`\`\`

## Where they are kept

The policies in force come from one place at a time; \`holdfast policy list\` says which.

| place | in the coordinator's configuration | changed by |
|---|---|---|
| its configuration | \`policies\`, or \`policy: { fleet, rules, databases }\`; \`budgets\`, \`slots_per_agent\`, \`alerts\` | a restart |
| what was applied | the same | \`holdfast policy apply FILE\`, in place of the configuration's until \`--from-configuration\` |
| a file of its own | \`policy: { file: /etc/holdfast/policies.yaml }\` | writing the file; looked at every 2 s |
| Consul | \`policy: { consul: { key: holdfast/policies } }\` | writing the key; a blocking query |

Consul is that of \`discovery.consul\`, with its token and certificates, unless \`address\`, \`datacenter\`, \`token_file\` or \`tls\` say otherwise. Its token needs \`key:read\`.
Until there is something in a watched place, what the configuration has holds.

Each text that comes into force is kept under a number (\`policy get --revision N\`), and the audit has who, why and what changed (\`policies.changed\`). It holds from then on,
without a restart: for the clocks of promises, for what is due, and for every job that starts.

A text in a watched place that cannot be in force, an empty one, or none at all leaves the last good one in force, over restarts, too. It opens the alert \`policies-refused\`, and
\`policy list\` says why. A Consul that does not answer changes nothing.

## What a look at them finds

\`policy validate\` and \`policy list\` tell it; \`policy apply\`, and what is watched, refuse an error that those in force do not have.

| code | severity | meaning |
|---|---|---|
${findingCodes.map(code => `| \`${code}\` | ${findings[code].join(' | ')} |`).join('\n')}

## Commands

\`\`\`
holdfast policy list                                   # rules, how many databases each speaks of, findings
holdfast policy get > policies.yaml                    # the text in force
holdfast policy get --effective orders-db/orders       # each value, and who gave it
holdfast policy validate policies.yaml                 # exit 1: it would be refused
holdfast policy diff policies.yaml                     # exit 1: it would change something
holdfast policy apply policies.yaml --reason "CHG-91"
\`\`\`
`
}
