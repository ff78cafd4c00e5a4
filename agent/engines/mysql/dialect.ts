import type { EngineKind } from '../../../shared/model/engine.ts'
import type { InstanceTarget } from '../port.ts'

/** The engines that this implementation serves. */
export type MysqlKind = Extract<EngineKind, 'mysql' | 'mariadb'>

/** TLS, as the port names it. */
export type Tls = NonNullable<InstanceTarget['tls']>

/**
 * Everything that differs between the two servers and their clients, as data. Code never asks which of the
 * two it has; it reads a row of this table.
 */
export interface Dialect {
  readonly kind: MysqlKind
  /** For people. */
  readonly title: string
  /** Names of the tools, preferred first. */
  readonly client: readonly string[]
  readonly dump: readonly string[]
  /** Whether a `--version` line is of this family: Debian's `mysql` is MariaDB's. */
  readonly isOwnTool: (versionLine: string) => boolean
  /** Whether `VERSION()` is of this family. */
  readonly isOwnServer: (version: string) => boolean
  /** The server's identity, and how the evidence is called. */
  readonly identity: { readonly variable: string; readonly evidence: string }
  /** Rows with `Seconds_Behind_…` on a replica, none on a primary. */
  readonly replicaStatus: string
  /** What `replicaStatus` needs. */
  readonly replicaPrivileges: readonly string[]
  /** A variable anyone may read that holds the GTIDs so far; empty when GTIDs are off. */
  readonly gtidPosition: string
  /** Server-side limit for our own statements (P6). */
  readonly statementTimeout: (milliseconds: number) => string
  /** Any of these lets a role read every routine; without, they are left out of a dump in silence. */
  readonly routinePrivileges: readonly string[]
  /** Lines for the option file, by TLS word. */
  readonly tls: Readonly<Record<Tls, readonly string[]>>
  /** Lines for the option file that only the dump tool understands; `loose-` ones may be unknown to older tools. */
  readonly dumpOptions: readonly string[]
  /** Arguments only this family's dump tool has. */
  readonly dumpArgs: readonly string[]
  /** Dumps all versions of system-versioned rows; default is the current ones (facts-databases §9). */
  readonly historyArg?: string
  /** Whether a database has a comment. */
  readonly databaseComment: boolean
  /**
   * First versions, by release series, whose client understands the sandbox line that newer dumps begin with.
   * A client of another series is compared by series alone.
   */
  readonly sandboxSince: Readonly<Record<string, number>>
  /** First series that has it in every version. */
  readonly sandboxSeries?: readonly [number, number]
  /** The server program, what makes its data folder (empty: itself), and with which arguments. */
  readonly server: {
    readonly programs: readonly string[]
    readonly installers: readonly string[]
    readonly installerArgs: readonly string[]
  }
  /** How two snapshots are proven to be the same (snapshot.ts). */
  readonly snapshots: {
    /** Any of these lets a role read `logStatus`. */
    readonly privileges: readonly string[]
    /** Where the binary log is and what it leaves out; MySQL changed its name. */
    readonly logStatus: (since82: boolean) => string
    /** Has the dump tool write where in the binary log its snapshot is, without a lock. */
    readonly positionArg?: string
    /** Moves with every transaction that changes something; anyone may read it. */
    readonly counter?: string
  }
}

const own = (pattern: RegExp, is: boolean) => (text: string) => pattern.test(text) === is

export const dialects: Readonly<Record<MysqlKind, Dialect>> = {
  mariadb: {
    kind: 'mariadb',
    title: 'MariaDB',
    client: ['mariadb', 'mysql'],
    dump: ['mariadb-dump', 'mysqldump'],
    isOwnTool: own(/mariadb/i, true),
    isOwnServer: own(/mariadb/i, true),
    identity: { variable: 'server_uid', evidence: 'mariadb-server-uid' },
    replicaStatus: 'SHOW ALL SLAVES STATUS',
    replicaPrivileges: ['SLAVE MONITOR', 'REPLICA MONITOR', 'SUPER'],
    gtidPosition: 'gtid_current_pos',
    statementTimeout: ms => `SET SESSION max_statement_time = ${ms / 1_000}`,
    routinePrivileges: ['SELECT', 'SHOW CREATE ROUTINE'],
    // Before 11.4 the client takes `ssl` for a wish, not for a demand; see session.ts for what `require` adds.
    tls: {
      disable: ['skip-ssl'],
      prefer: ['ssl', 'skip-ssl-verify-server-cert'],
      require: ['ssl', 'skip-ssl-verify-server-cert'],
      'verify-full': ['ssl', 'ssl-verify-server-cert'],
    },
    dumpOptions: [],
    dumpArgs: [],
    historyArg: '--dump-history',
    databaseComment: true,
    sandboxSince: { '10.5': 25, '10.6': 18, '10.11': 8, '11.0': 6, '11.1': 5, '11.2': 4, '11.4': 2 },
    sandboxSeries: [11, 5],
    server: {
      programs: ['mariadbd', 'mysqld'],
      installers: ['mariadb-install-db', 'mysql_install_db'],
      installerArgs: [
        '--auth-root-authentication-method=normal',
        ...['--skip-test-db', '--skip-name-resolve'],
      ],
    },
    snapshots: {
      privileges: ['BINLOG MONITOR', 'REPLICATION CLIENT', 'SUPER'],
      logStatus: () => 'SHOW MASTER STATUS',
      positionArg: '--master-data=2',
      counter: "SHOW GLOBAL STATUS LIKE 'Innodb_max_trx_id'",
    },
  },
  mysql: {
    kind: 'mysql',
    title: 'MySQL',
    client: ['mysql'],
    dump: ['mysqldump'],
    isOwnTool: own(/mariadb/i, false),
    isOwnServer: own(/mariadb/i, false),
    identity: { variable: 'server_uuid', evidence: 'mysql-server-uuid' },
    replicaStatus: 'SHOW REPLICA STATUS',
    replicaPrivileges: ['REPLICATION CLIENT', 'SUPER'],
    gtidPosition: 'gtid_executed',
    statementTimeout: ms => `SET SESSION max_execution_time = ${ms}`,
    routinePrivileges: ['SELECT', 'SHOW_ROUTINE'],
    tls: {
      disable: ['ssl-mode=DISABLED', 'loose-get-server-public-key'],
      prefer: ['ssl-mode=PREFERRED', 'loose-get-server-public-key'],
      require: ['ssl-mode=REQUIRED'],
      'verify-full': ['ssl-mode=VERIFY_IDENTITY'],
    },
    // P6 where the tool can: while it waits for a metadata lock it keeps its snapshot.
    dumpOptions: ['loose-init-command="SET SESSION lock_wait_timeout=10"', 'loose-skip-column-statistics'],
    // Otherwise the dump carries the GTIDs of its server, and a restore into another one fails.
    dumpArgs: ['--set-gtid-purged=OFF'],
    databaseComment: false,
    sandboxSince: {},
    server: { programs: ['mysqld'], installers: [], installerArgs: ['--initialize-insecure'] },
    // Its tool tells a position only under a lock on every table, which is more than a census is worth.
    snapshots: {
      privileges: ['REPLICATION CLIENT', 'SUPER'],
      logStatus: since82 => (since82 ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS'),
    },
  },
}
