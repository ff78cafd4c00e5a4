import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

import { isExecutable } from './cache-folder.ts'

/** The servers and host tools the tests can ask for. */
export type ServiceName =
  | 'postgres'
  | 'postgres18'
  | 'mariadb'
  | 'consul'
  | 's3'
  | 'pv'
  | 'zstd'
  | 'age'
  | 'xz'
  | 'bzip2'
  | 'jq'
  | 'zsh'
  | 'fish'
  | 'groff'
  | 'prometheus'
  | 'alertmanager'
  | 'rsyslog'
  | 'awscli'
  | 'rclone'

/** Where a service comes from: on the host, else as packages of a Debian suite. */
export interface Recipe {
  /** Folder of its programs on this host, if they are all here. */
  host(): string | undefined
  readonly suite: string
  readonly packages: readonly string[]
  /** Folders below the unpacked tree whose programs must be able to start each other. */
  readonly wrap: readonly string[]
  /** Folder of its programs below the unpacked tree. */
  readonly bin: string
  /** A tool that is installed into the system when we are root, since programs under test look for it on PATH. */
  readonly hostTool?: boolean
  /** What only a benchmark compares with: fetched when asked for by name. */
  readonly onlyByName?: boolean
}

const postgresPrograms = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_restore', 'pg_dumpall']
const mariadbPrograms = ['mariadb', 'mariadb-dump', 'mariadb-install-db']

/** Newest PostgreSQL below Debian's folder, or on PATH, that has the server and all client tools. */
function hostPostgres(major?: number): string | undefined {
  const debian = '/usr/lib/postgresql'
  let majors: number[] = []
  try {
    majors = readdirSync(debian).map(Number).filter(Number.isInteger)
  } catch {
    // not Debian: PATH below
  }
  const folders = majors
    .filter(found => major === undefined || found === major)
    .sort((a, b) => b - a)
    .map(found => join(debian, String(found), 'bin'))
  // /usr/bin/pg_dump is a wrapper on Debian: only a folder that has the server too counts
  if (major === undefined) folders.push(...foldersOnPath('postgres'))
  return folders.find(folder => postgresPrograms.every(program => isExecutable(join(folder, program))))
}

/** Real folders of a program's occurrences on PATH. */
function foldersOnPath(program: string): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(folder => folder !== '' && isExecutable(join(folder, program)))
    .map(folder => dirname(realpathSync(join(folder, program))))
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .find(folder => folder !== '' && isExecutable(join(folder, program)))
}

function postgresRecipe(major: number, suite: string, host: () => string | undefined): Recipe {
  const bin = `usr/lib/postgresql/${major}/bin`
  return { host, suite, packages: [`postgresql-${major}`, `postgresql-client-${major}`], wrap: [bin], bin }
}

/** All recipes. Consul is in bullseye only; sid and forky change daily, hence no versions. */
export const recipes: Readonly<Record<ServiceName, Recipe>> = {
  postgres: postgresRecipe(15, 'bookworm', () => hostPostgres()),
  postgres18: postgresRecipe(18, 'sid', () => hostPostgres(18)),
  mariadb: {
    host: () =>
      isExecutable('/usr/sbin/mariadbd') &&
      mariadbPrograms.every(name => isExecutable(join('/usr/bin', name)))
        ? '/usr/bin'
        : undefined,
    suite: 'bookworm',
    packages: ['mariadb-server', 'mariadb-backup'],
    wrap: ['usr/bin', 'usr/sbin'],
    bin: 'tools',
  },
  consul: {
    host: () => onPath('consul'),
    suite: 'bullseye',
    packages: ['consul'],
    wrap: [],
    bin: 'usr/bin',
  },
  s3: {
    host: () => undefined,
    suite: 'forky',
    packages: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'],
    wrap: [],
    bin: 'usr/bin',
  },
  pv: {
    host: () => onPath('pv'),
    suite: 'bookworm',
    packages: ['pv'],
    wrap: ['usr/bin/pv'],
    bin: 'tools',
    hostTool: true,
  },
  zstd: {
    host: () => onPath('zstd'),
    suite: 'bookworm',
    packages: ['zstd'],
    wrap: ['usr/bin/zstd'],
    bin: 'tools',
    hostTool: true,
  },
  age: {
    host: () => (onPath('age-keygen') === undefined ? undefined : onPath('age')),
    suite: 'bookworm',
    packages: ['age'],
    wrap: ['usr/bin/age', 'usr/bin/age-keygen'],
    bin: 'tools',
    hostTool: true,
  },
  // gzip is part of every Debian; these two are of most
  xz: {
    host: () => onPath('xz'),
    suite: 'bookworm',
    packages: ['xz-utils'],
    wrap: ['usr/bin/xz'],
    bin: 'tools',
    hostTool: true,
  },
  bzip2: {
    host: () => onPath('bzip2'),
    suite: 'bookworm',
    packages: ['bzip2'],
    wrap: ['usr/bin/bzip2'],
    bin: 'tools',
    hostTool: true,
  },
  // not of the agent: a runbook reads manifests with it
  jq: {
    host: () => onPath('jq'),
    suite: 'bookworm',
    packages: ['jq'],
    wrap: ['usr/bin/jq'],
    bin: 'tools',
    hostTool: true,
  },
  // shells that are completed in
  zsh: {
    host: () => onPath('zsh'),
    suite: 'bookworm',
    packages: ['zsh'],
    wrap: ['usr/bin/zsh'],
    bin: 'tools',
    hostTool: true,
  },
  fish: {
    host: () => onPath('fish'),
    suite: 'bookworm',
    packages: ['fish'],
    wrap: ['usr/bin/fish'],
    bin: 'tools',
    hostTool: true,
  },
  // what sets the man pages
  groff: {
    host: () => onPath('groff'),
    suite: 'bookworm',
    packages: ['groff-base'],
    wrap: ['usr/bin/groff'],
    bin: 'tools',
    hostTool: true,
  },
  prometheus: {
    host: () => (onPath('promtool') === undefined ? undefined : onPath('prometheus')),
    suite: 'bookworm',
    packages: ['prometheus'],
    wrap: ['usr/bin/prometheus', 'usr/bin/promtool'],
    bin: 'tools',
  },
  alertmanager: {
    host: () =>
      isExecutable('/usr/bin/prometheus-alertmanager') &&
      existsSync('/usr/share/prometheus/alertmanager/default.tmpl')
        ? '/usr/bin'
        : undefined,
    suite: 'bookworm',
    packages: ['prometheus-alertmanager'],
    wrap: ['usr/bin/prometheus-alertmanager', 'usr/bin/amtool'],
    bin: 'tools',
  },
  // what receives the audit over syslog
  rsyslog: {
    host: () => (isExecutable('/usr/sbin/rsyslogd') ? '/usr/sbin' : undefined),
    suite: 'bookworm',
    packages: ['rsyslog'],
    wrap: ['usr/sbin/rsyslogd'],
    bin: 'usr/sbin',
  },
  // Never the host's: what is compared with should be the same everywhere, and version 2
  awscli: {
    host: () => undefined,
    suite: 'trixie',
    packages: ['awscli'],
    wrap: ['usr/bin/aws'],
    bin: 'tools',
    onlyByName: true,
  },
  rclone: {
    host: () => undefined,
    suite: 'trixie',
    packages: ['rclone'],
    wrap: ['usr/bin/rclone'],
    bin: 'tools',
    onlyByName: true,
  },
}

/** Programs linked into the tree's `tools` folder, where the tree's own `usr/bin` also holds programs that must not come before the host's. */
export const tools: Partial<Record<ServiceName, readonly string[]>> = {
  mariadb: [
    'mariadb',
    'mariadb-dump',
    'mariadb-admin',
    'mariadb-backup',
    'mariadb-check',
    'mariadb-binlog',
    'mbstream',
  ],
  pv: ['pv'],
  zstd: ['zstd'],
  age: ['age', 'age-keygen'],
  xz: ['xz'],
  bzip2: ['bzip2'],
  jq: ['jq'],
  zsh: ['zsh'],
  fish: ['fish'],
  groff: ['groff'],
  prometheus: ['prometheus', 'promtool'],
  alertmanager: ['prometheus-alertmanager', 'amtool'],
  awscli: ['aws'],
  rclone: ['rclone'],
}
