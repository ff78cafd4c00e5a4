/** Roles of operators (architecture §11); which may call what stands in one table, `coordinator/rpc/access.ts`. */
export const operatorRoles = ['viewer', 'operator', 'restorer', 'admin'] as const
export type OperatorRole = (typeof operatorRoles)[number]
