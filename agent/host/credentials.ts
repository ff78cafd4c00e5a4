import { AppError } from '../../shared/errors/index.ts'
import { isEngineKind } from '../../shared/model/engine.ts'
import type { WatchedInstance } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { AgentConfig } from '../config.ts'
import type { InstanceTarget } from '../engines/port.ts'

type Entry = AgentConfig['instances'][number]

/**
 * Where an instance is and how to log in, from the configuration. The entry that says the most about the
 * instance wins; among equals the first.
 *
 * @throws AppError `agent.no-credential`, or `engine.unknown`
 */
export function targetFrom(
  entries: readonly Entry[],
  instance: WatchedInstance,
  purpose: 'backup' | 'restore',
): InstanceTarget {
  if (!isEngineKind(instance.engine))
    throw new AppError('engine.unknown', { context: { engine: instance.engine } })
  const entry = bestOf(entries, instance)
  if (entry === undefined)
    throw new AppError('agent.no-credential', {
      context: {
        engine: instance.engine,
        service: instance.service,
        address: instance.address,
        port: instance.port,
        entries: entries.length,
      },
    })
  const { user, password_file } = purpose === 'restore' ? (entry.restore ?? entry) : entry
  return {
    engine: instance.engine,
    host: instance.address,
    port: instance.port,
    user,
    ...(password_file === undefined ? {} : { passwordFile: password_file }),
    ...(entry.maintenance_database === undefined ? {} : { maintenanceDatabase: entry.maintenance_database }),
    ...(entry.tls === undefined ? {} : { tls: entry.tls }),
    ...(entry.tls_ca_file === undefined ? {} : { tlsCaFile: entry.tls_ca_file }),
  }
}

function bestOf(entries: readonly Entry[], instance: WatchedInstance): Entry | undefined {
  let best: { readonly entry: Entry; readonly said: number } | undefined
  for (const entry of entries) {
    const said = fits(entry.match, instance)
    if (said !== undefined && (best === undefined || said > best.said)) best = { entry, said }
  }
  return best?.entry
}

/** How many things an entry says of the instance, all of them true; undefined when one is not. */
function fits(match: Entry['match'], instance: WatchedInstance): number | undefined {
  const facts: Readonly<Record<string, unknown>> = {
    engine: instance.engine,
    service: instance.service,
    address: instance.address,
    port: instance.port,
    instance: instance.instanceId,
  }
  const wanted = Object.entries(match).filter(([, value]) => value !== undefined)
  return wanted.every(([key, value]) => facts[key] === value) ? wanted.length : undefined
}
