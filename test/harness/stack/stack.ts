import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../free-port.ts'
import { launcherEnvironment } from '../launcher-environment.ts'
import { projectRoot } from '../project-root.ts'
import { type RunResult, run } from '../run.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { waitUntil } from '../wait-until.ts'
import { writeAgentConfig } from './agent-config.ts'
import { lookInProcess } from './command-line.ts'
import { writeCoordinatorConfig } from './coordinator-config.ts'
import { type ManagedProcess, managedProcess } from './managed-process.ts'
import type { StackOptions } from './stack-options.ts'

/** A whole Holdfast as separate processes, run by its launchers and asked through its CLI. */
export interface Stack extends AsyncDisposable {
  readonly folder: string
  readonly address: string
  /** URL of the destination `main`. */
  readonly destination: string
  readonly coordinator: ManagedProcess & { readonly statusUrl: string }
  agent(name: string): ManagedProcess & { readonly statusUrl: string; readonly stateFolder: string }
  /** Starts everything, waits until the coordinator leads and every agent is connected. */
  start(): Promise<void>
  /** Runs the CLI; any exit status is an answer. */
  holdfast(...args: string[]): Promise<RunResult>
  /** The same in this process, at a fiftieth of the cost: for looking until something is so. */
  look(...args: string[]): Promise<RunResult>
  /** Looks with `-o json`; throws unless it exits 0. */
  ask<T>(...args: string[]): Promise<T>
  stop(): Promise<void>
}

/** Lays a stack out in a temporary folder; nothing runs before `start`. */
export async function layStack(options: StackOptions): Promise<Stack> {
  const temporary = await temporaryFolder('stack')
  const folder = temporary.path
  const listen = await freePorts(2 + options.agents.length)
  const status = listen + 1
  const address = `127.0.0.1:${listen}`
  const destination =
    options.s3 === undefined ? `file://${join(folder, 'bucket')}` : `s3://${options.s3.bucket}/fleet`
  await mkdir(join(folder, 'bucket'))
  const coordinatorFile = await writeCoordinatorConfig(join(folder, 'coordinator'), options, {
    address,
    statusPort: status,
    destination,
  })
  const coordinator = managedProcess({
    name: 'coordinator',
    launcher: 'holdfast-coordinator',
    args: ['run', '--config', coordinatorFile, '--insecure-loopback'],
    logFile: join(folder, 'coordinator.log'),
    env: options.coordinator?.env ?? {},
  })
  const agents = new Map<string, ReturnType<Stack['agent']>>()
  for (const [index, agent] of options.agents.entries()) {
    const statusPort = status + 1 + index
    const home = join(folder, agent.name)
    const file = await writeAgentConfig(home, agent, {
      coordinator: address,
      statusPort,
      ...(options.s3 === undefined ? {} : { s3: options.s3.server }),
    })
    const process = managedProcess({
      name: agent.name,
      launcher: 'holdfast-agent',
      args: ['run', '--config', file],
      logFile: join(folder, `${agent.name}.log`),
      env: agent.env ?? {},
    })
    agents.set(
      agent.name,
      with_(process, { statusUrl: `http://127.0.0.1:${statusPort}`, stateFolder: join(home, 'state') }),
    )
  }
  const stack: Stack = {
    folder,
    address,
    destination,
    coordinator: with_(coordinator, { statusUrl: `http://127.0.0.1:${status}` }),
    agent: name => {
      const agent = agents.get(name)
      if (agent === undefined) throw new Error(`the stack has no agent ${name}`)
      return agent
    },
    start: async () => {
      await coordinator.start()
      await ready(`http://127.0.0.1:${status}`, coordinator)
      for (const agent of agents.values()) await agent.start()
      for (const agent of agents.values()) await ready(agent.statusUrl, agent)
    },
    holdfast: (...args) =>
      run(join(projectRoot, 'bin', 'holdfast'), args, {
        env: { ...launcherEnvironment(), HOLDFAST_COORDINATOR: address },
        allowFailure: true,
      }),
    look: (...args) => lookInProcess(address, args),
    ask: async (...args) => {
      const answer = await stack.look(...args, '-o', 'json')
      if (answer.code !== 0)
        throw new Error(`holdfast ${args.join(' ')} exited ${answer.code}: ${answer.stderr}`)
      return JSON.parse(answer.stdout)
    },
    stop: async () => {
      for (const agent of agents.values()) await agent.stop()
      await coordinator.stop()
      await temporary.remove()
    },
    [Symbol.asyncDispose]: () => stack.stop(),
  }
  return stack
}

/** Waits until `/readyz` answers 200; a process that ended first is told with the end of its log. */
async function ready(statusUrl: string, process: ManagedProcess): Promise<void> {
  await waitUntil(
    async () => {
      if (!process.running) throw new Error(`${process.name} ended: ${process.log().slice(-2000)}`)
      return (await fetch(`${statusUrl}/readyz`).catch(() => undefined))?.ok === true
    },
    { what: `${process.name} to be ready`, timeout: 30_000 },
  )
}

/** The process with more beside it; getters stay getters. */
function with_<T extends object, M extends object>(target: T, more: M): T & M {
  return Object.defineProperties(Object.create(target), Object.getOwnPropertyDescriptors(more))
}
