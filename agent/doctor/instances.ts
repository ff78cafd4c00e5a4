import { AppError } from '../../shared/errors/index.ts'
import { type EngineKind, isEngineKind } from '../../shared/model/engine.ts'
import { formatDuration } from '../../shared/time/index.ts'
import type { AgentConfig } from '../config.ts'
import type { Engine, EngineContext, InstanceTarget, Probe } from '../engines/port.ts'
import type { DoctorFinding } from './finding.ts'

type Entry = AgentConfig['instances'][number]

const usualPorts: Readonly<Record<EngineKind, number>> = { postgres: 5432, mysql: 3306, mariadb: 3306 }
/** Clock of a server against this host, ms: the RPO is measured on it. */
const clockWarning = 60_000

/**
 * Logs in to every instance the configuration can name, with each of its logins, and asks what it may do. An
 * entry that names no engine is for whatever discovery finds, and cannot be tried from here.
 */
export async function checkInstances(
  entries: readonly Entry[],
  engineFor: (kind: EngineKind) => Engine,
  context: EngineContext,
): Promise<readonly DoctorFinding[]> {
  const findings: DoctorFinding[] = []
  for (const entry of entries)
    for (const [purpose, login] of loginsOf(entry)) {
      const target = targetOf(entry, login)
      if (target === undefined) {
        findings.push({
          ...{ area: 'instance', subject: shown(entry), level: 'note' },
          detail: 'not tried: its `match` names no engine',
        })
        break
      }
      findings.push(...(await checkInstance(target, purpose, engineFor, context)))
    }
  return findings
}

function loginsOf(
  entry: Entry,
): readonly (readonly ['backup' | 'restore', Pick<Entry, 'user' | 'password_file'>])[] {
  return [['backup', entry], ...(entry.restore === undefined ? [] : [['restore', entry.restore] as const])]
}

function targetOf(entry: Entry, login: Pick<Entry, 'user' | 'password_file'>): InstanceTarget | undefined {
  const { engine, address, port } = entry.match
  if (engine === undefined || !isEngineKind(engine)) return undefined
  return {
    ...{ engine, host: address ?? '127.0.0.1', port: port ?? usualPorts[engine], user: login.user },
    ...(login.password_file === undefined ? {} : { passwordFile: login.password_file }),
    ...(entry.maintenance_database === undefined ? {} : { maintenanceDatabase: entry.maintenance_database }),
    ...(entry.tls === undefined ? {} : { tls: entry.tls }),
    ...(entry.tls_ca_file === undefined ? {} : { tlsCaFile: entry.tls_ca_file }),
  }
}

async function checkInstance(
  target: InstanceTarget,
  purpose: 'backup' | 'restore',
  engineFor: (kind: EngineKind) => Engine,
  context: EngineContext,
): Promise<readonly DoctorFinding[]> {
  const finding = (level: DoctorFinding['level'], detail: string): DoctorFinding => ({
    area: 'instance',
    subject: `${target.engine} ${target.host}:${target.port} (${purpose} as ${target.user})`,
    ...{ level, detail },
  })
  let probe: Probe
  try {
    probe = await engineFor(target.engine).probe(target, context)
  } catch (thrown) {
    if (context.signal.aborted) throw thrown
    const error = AppError.from(thrown)
    return [finding('problem', `${error.message}: ${error.traits.hint}`)]
  }
  const tools = Object.entries(probe.tools).map(([name, version]) => `${name}: ${version}`)
  const lag = probe.replicationLagMs
  return [
    finding(
      'ok',
      `${probe.serverVersion}, ${probe.role}${lag === undefined ? '' : ` ${formatDuration(lag)} behind`}; ${tools.join(', ')}`,
    ),
    // a restore needs rights of another kind; what a backup lacks is no fault of its login
    ...(purpose === 'backup' ? probe.missingPrivileges : []).map(each => finding('problem', `lacks ${each}`)),
    ...(Math.abs(probe.clockOffsetMs) < clockWarning
      ? []
      : [
          finding(
            'warning',
            `its clock is ${formatDuration(Math.abs(probe.clockOffsetMs))} ${probe.clockOffsetMs > 0 ? 'ahead of' : 'behind'} this host’s`,
          ),
        ]),
  ]
}

function shown(entry: Entry): string {
  const said = Object.entries(entry.match).filter(([, value]) => value !== undefined)
  return said.length === 0 ? 'any instance' : said.map(([key, value]) => `${key} ${value}`).join(', ')
}
