import { z } from 'zod'
import {
  byteSize,
  duration,
  type Environment,
  hostPort,
  type Loaded,
  loadConfig,
  readEnvironment,
  secret,
  secretFile,
  url,
} from '../shared/config/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { logLevels } from '../shared/log/index.ts'
import { codecs, engineKinds } from '../shared/model/engine.ts'
import { hookName } from '../shared/model/hook.ts'
import { defaultCoordinator, defaultPorts } from '../shared/model/ports.ts'
import { isRecipient } from '../shared/model/recipient.ts'
import { distrust } from './hooks/distrust.ts'

/** A login of one purpose. The password is only ever where it comes from. */
const login = z.strictObject({
  user: z.string().min(1),
  password_file: secret().optional(),
})

/** Which instances an entry is for: every key given must be equal; an empty match fits all. */
const match = z.strictObject({
  engine: z.enum(engineKinds).optional(),
  service: z.string().min(1).optional(),
  address: z.string().min(1).optional(),
  port: z.int().min(1).max(65_535).optional(),
  /** Instance id of the coordinator, `ins_…`. */
  instance: z.string().min(1).optional(),
})

const instance = z.strictObject({
  match: match.prefault({}),
  ...login.shape,
  /** A login of its own for restores; the backup role need not be able to write. */
  restore: login.optional(),
  tls: z.enum(['disable', 'prefer', 'require', 'verify-full']).optional(),
  tls_ca_file: z.string().min(1).optional(),
  maintenance_database: z.string().min(1).optional(),
})

const destination = z.strictObject({
  credentials: z
    .strictObject({
      access_key_id_file: secret(),
      secret_access_key_file: secret(),
      session_token_file: secret().optional(),
    })
    .optional(),
})

const recipient = z.string().refine(isRecipient, {
  message: 'expected an age recipient: age1…, ssh-ed25519 … or ssh-rsa … (a public key)',
})

const credentials = z.strictObject({
  access_key_id_file: secret(),
  secret_access_key_file: secret(),
  session_token_file: secret().optional(),
})

const encryption = z.strictObject({
  /** Nothing is stored in plaintext by this agent, whatever a policy says. */
  required: z.boolean().prefault(false),
  /** Who can read backups when the policy names nobody: age recipients, a file of them, or an AWS KMS key. */
  recipients: z.array(recipient).prefault([]),
  recipients_file: z.string().startsWith('/').optional(),
  kms_key: z.string().min(1).optional(),
  /** Further recipients of every encrypted backup. */
  break_glass: z.array(recipient).prefault([]),
  /** Identities that open backups when this agent restores; readable by their owner only. */
  identity_files: z.array(secretFile()).prefault([]),
  /** How KMS is reached; default the SDK's chain and AWS_ENDPOINT_URL_KMS. */
  kms: z
    .strictObject({
      region: z.string().min(1).optional(),
      endpoint: url().optional(),
      /** For backups; they need kms:Encrypt only. */
      credentials: credentials.optional(),
      /** For restores, which need kms:Decrypt; default those above. */
      restore: z.strictObject({ credentials }).optional(),
    })
    .prefault({}),
})

/** Longer than any freeze; timers take no more than 24 days. */
const longestHook = 24 * 3_600_000

const hook = z.strictObject({
  /** Absolute path. It and every folder above it must belong to root or the agent's user and be writable by nobody else. */
  program: z.string().startsWith('/'),
  /** As they are, never through a shell. Seen by every user of the host: no secrets. */
  args: z.array(z.string()).prefault([]),
  /** It is ended after so long, with all it started. */
  timeout: duration({ min: 100, max: longestHook }).prefault('5m'),
})

export const agentConfigSchema = z.strictObject({
  coordinator: z
    .strictObject({
      address: hostPort().prefault(defaultCoordinator),
      /** Plaintext, to loopback only, in place of certificates. */
      insecure_loopback: z.boolean().prefault(false),
      /** Certificates of a PKI of your own, read again when they change; default what `holdfast-agent join` was given. */
      tls: z
        .strictObject({
          ca_file: z.string().min(1),
          certificate_file: z.string().min(1),
          key_file: secretFile(),
        })
        .optional(),
      /** Longest wait before dialling a coordinator again that was out of reach. */
      longest_wait: duration({ min: 100 }).prefault('30s'),
    })
    .prefault({}),
  state_dir: z.string().min(1).prefault('/var/lib/holdfast/agent'),
  /** Consul's name and id of this host; they match instances to agents. */
  node_name: z.string().min(1).optional(),
  node_id: z.string().min(1).optional(),
  /** Addresses this host answers to; default those of its interfaces. */
  addresses: z.array(z.string().min(1)).optional(),
  /** Serves instances it does not share a host with. */
  pool: z.boolean().prefault(false),
  /** May list, copy and delete in buckets. */
  keeper: z.boolean().prefault(false),
  /** Attempts at the same time. */
  slots: z.int().min(1).max(64).prefault(2),
  /** Memory for part buffers, all streams together. */
  part_budget: byteSize().prefault('512MiB'),
  /** Most bytes a second this agent stores, all its jobs together, such as `50MB`. */
  max_rate: byteSize().optional(),
  /** A stream without a byte for so long is ended and retried; a policy may say otherwise. */
  idle_timeout: duration({ min: 10_000 }).prefault('15m'),
  /** Where policies with `strategy: staged` or `auto` put encoded streams before their upload. */
  staging: z
    .strictObject({
      /** For this agent only; default `staging` in the state folder. */
      folder: z.string().startsWith('/').optional(),
      /** Staging never takes its disk below this. */
      reserve: byteSize().prefault('2GiB'),
    })
    .prefault({}),
  /** Restores backups into throw-away servers of its own, to prove them; absent: this host verifies nothing. */
  verify: z
    .strictObject({
      /** Where those servers live; needs room for the largest database, half as much again and 1 GiB. */
      folder: z.string().startsWith('/').prefault('/var/lib/holdfast/verify'),
      /** Verifications at the same time. */
      at_once: z.int().min(1).max(16).prefault(1),
      /** As whom the servers run where the agent is root. A user that owns nothing else: what is restored runs as it. */
      user: z.string().min(1).optional(),
    })
    .optional(),
  /**
   * From when on this agent stands back behind the host's own work: per cent of the last ten seconds in which some
   * task waited (PSI), and load for each core; 0: never for that. Each look under pressure halves what it stores a
   * second, never below `floor`, and no further stream begins.
   */
  pressure: z
    .strictObject({
      io: z.number().min(0).max(100).prefault(80),
      memory: z.number().min(0).max(100).prefault(30),
      cpu: z.number().min(0).max(100).prefault(0),
      load_per_core: z.number().min(0).prefault(0),
      floor: byteSize().prefault('8MiB'),
    })
    .prefault({}),
  /** Database servers that listen on this host and that discovery does not show are gaps; pool agents and keepers never look. */
  unregistered: z
    .strictObject({
      report: z.boolean().prefault(true),
      /** Ports asked what they speak where whose they are may not be seen: without root, of other users' processes. */
      ports: z.array(z.int().min(1).max(65_535)).prefault([3306, 5432, 27017]),
      /** Never told of. */
      exclude_ports: z.array(z.int().min(1).max(65_535)).prefault([]),
    })
    .prefault({}),
  /** How children stand back behind everything else on the host. */
  children: z
    .strictObject({
      nice: z.int().min(0).max(19).prefault(0),
      ionice_class: z.enum(['best-effort', 'idle']).optional(),
    })
    .prefault({}),
  /** What policies may have run around a backup, by the name they call it: they name, this host decides what it is. */
  hooks: z
    .record(z.string().regex(hookName, 'expected a name such as freeze-app: a-z, 0-9, - . _'), hook)
    .prefault({}),
  /** Used when a job names none. */
  codec: z.enum(codecs).prefault('zstd'),
  encryption: encryption.prefault({}),
  tools: z
    .strictObject({
      /** Tool → absolute path. */
      paths: z.record(z.string(), z.string().min(1)).prefault({}),
      /** Searched before PATH. */
      folders: z.array(z.string().min(1)).prefault([]),
    })
    .prefault({}),
  instances: z.array(instance).prefault([]),
  /** By name of the destination; without an entry the SDK's usual chain. */
  destinations: z.record(z.string(), destination).prefault({}),
  /** `/metrics`, `/healthz`, `/readyz`. */
  status: z
    .strictObject({
      host: z.string().min(1).prefault('127.0.0.1'),
      /** 0 is off. */
      port: z.int().min(0).max(65_535).prefault(defaultPorts.agentStatus),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(logLevels).prefault('info'),
      format: z.enum(['auto', 'json', 'pretty']).prefault('auto'),
      /** Instead of the standard error stream; SIGHUP reopens it. */
      file: z.string().min(1).optional(),
      /** Names of fields in JSON: our own, or those of the Elastic Common Schema. */
      fields: z.enum(['native', 'ecs']).prefault('native'),
    })
    .prefault({}),
  /** What monitors of this host read, replaced at each result; default `last_backup.json` in the state folder. */
  status_file: z.string().min(1).optional(),
  /** How long a stop waits for uploads to be aborted and results to be told. */
  stop_grace: duration({ min: 0, max: 600_000 }).prefault('30s'),
})

export type AgentConfig = z.infer<typeof agentConfigSchema>

/** The variables of the agent; test hooks are no configuration. */
function agentEnvironment(): Environment {
  return Object.fromEntries(
    Object.entries(readEnvironment()).filter(([name]) => !name.startsWith('HOLDFAST_TEST_')),
  )
}

/** Loads the configuration of `holdfast-agent run`. @throws AppError `config.*` with every problem there is */
export function loadAgentConfig(
  file: string | undefined,
  flags: Readonly<Record<string, unknown>>,
  environment: Environment = agentEnvironment(),
): Loaded<AgentConfig> {
  const path = file ?? environment['HOLDFAST_CONFIG']
  const loaded = loadConfig({
    schema: agentConfigSchema,
    ...(path === undefined || path === '' ? {} : { file: path }),
    environment,
    prefix: 'HOLDFAST_',
    flags,
  })
  // who can write to it decides what hooks run
  const problem =
    path === undefined || path === '' || Object.keys(loaded.value.hooks).length === 0
      ? undefined
      : distrust(path, { runs: false })
  if (problem !== undefined)
    throw new AppError('hook.unsafe', {
      message: `the configuration has \`hooks\`, and ${problem}`,
      context: { file: path ?? '' },
    })
  return loaded
}
