/** The ports used when nobody says otherwise; all on loopback. One place, so that all three programs agree. */
export const defaultPorts = { coordinator: 7400, coordinatorStatus: 7401, agentStatus: 7402 } as const

/** Where agents and operators look for the coordinator when nobody says otherwise. */
export const defaultCoordinator = `127.0.0.1:${defaultPorts.coordinator}`
