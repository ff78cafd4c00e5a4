import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { StackLogin } from './agent-config.ts'
import type { StackOptions } from './stack-options.ts'

/** Short enough that nothing waits, long enough for two busy cores. */
const shortTimes = {
  heartbeat: '500ms',
  lease_ttl: '6s',
  accept: '5s',
  start: '5s',
  inventory: '1s',
  plan: '100ms',
  protection: '250ms',
  lease_tick: '100ms',
  last_seen: '500ms',
  agent_gone: '20s',
  debris_retry: '1s',
  leader_stale: '3s',
  leader_renew: '500ms',
  leader_margin: '1s',
}

/** Gives the coordinator the times it has in life: `times: usualTimes`. */
export const usualTimes: Readonly<Record<string, string>> = {
  ...{ heartbeat: '10s', lease_ttl: '2m', accept: '30s', start: '30s', inventory: '10m', plan: '1s' },
  ...{ protection: '15s', lease_tick: '1s', last_seen: '30s', agent_gone: '6h', debris_retry: '10m' },
  ...{ leader_stale: '15s', leader_renew: '3s', leader_margin: '5s' },
}

/** Writes the coordinator's configuration, and the static file where there is no Consul; returns the file's path. */
export async function writeCoordinatorConfig(
  folder: string,
  stack: StackOptions,
  around: { readonly address: string; readonly statusPort: number; readonly destination: string },
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const options = stack.coordinator ?? {}
  const policies = options.policies ?? [{ name: 'everything' }]
  const config = {
    listen: around.address,
    insecure_loopback: true,
    store: {
      url: options.store?.url ?? `sqlite:${join(folder, 'holdfast.db')}`,
      ...(options.store?.passwordFile === undefined ? {} : { password_file: options.store.passwordFile }),
    },
    discovery: await discoveryOf(folder, stack),
    destinations: { main: destinationOf(stack, around.destination) },
    policies: policies.map(policy => ({
      retry: { attempts: 2, base_delay: '200ms', max_delay: '1s' },
      ...policy,
      destination: 'main',
    })),
    ...(options.webhook === undefined
      ? {}
      : { alerts: { webhooks: { test: { url: options.webhook } }, group_wait: '0s' } }),
    ...(options.deadMan === undefined ? {} : { dead_man: { url: options.deadMan, every: '300ms' } }),
    ...(options.slotsPerAgent === undefined ? {} : { slots_per_agent: options.slotsPerAgent }),
    times: { ...shortTimes, ...options.times },
    status: { port: around.statusPort },
    log: { level: 'debug', format: 'json' },
    stop_grace: '2s',
    ...options.more,
  }
  const file = join(folder, 'coordinator.yaml')
  await writeFile(file, stringify(config))
  return file
}

function destinationOf(stack: StackOptions, url: string): Record<string, string> {
  if (stack.s3 === undefined) return { url }
  const { server, endpoint } = stack.s3
  return { url, endpoint: endpoint ?? server.endpoint, region: server.region, profile: 'ceph' }
}

async function discoveryOf(folder: string, stack: StackOptions): Promise<Record<string, unknown>> {
  if (stack.consul === undefined) return { static_file: await writeInstances(folder, stack) }
  const { server, services } = stack.consul
  const { consulTokenFile, serviceEngines = {} } = stack.coordinator ?? {}
  return {
    consul: {
      address: server.url,
      services: services.map(name => ({
        name,
        ...(name in serviceEngines ? { engine: serviceEngines[name] } : {}),
      })),
      empty_grace: '1s',
      ...(consulTokenFile === undefined ? {} : { token_file: consulTokenFile }),
    },
  }
}

async function writeInstances(folder: string, stack: StackOptions): Promise<string> {
  const instances = stack.agents.flatMap(agent =>
    (agent.logins ?? []).map(login => ({
      name: login.service ?? serviceName(agent.name, login),
      engine: login.engine,
      host: agent.node ?? agent.name,
      address: '127.0.0.1',
      port: login.port,
    })),
  )
  const file = join(folder, 'instances.yaml')
  await writeFile(file, stringify({ instances }))
  return file
}

function serviceName(agent: string, login: StackLogin): string {
  return `${agent}-${login.engine}-${login.port}`
}
