/**
 * The names of the browser's WebCrypto that the types of `@peculiar/x509` speak of, as what Node has of them: the DOM
 * library itself would bring `window` and `document` into every file.
 */
type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer
type Algorithm = import('node:crypto').webcrypto.Algorithm
type AlgorithmIdentifier = import('node:crypto').webcrypto.AlgorithmIdentifier
type Crypto = import('node:crypto').webcrypto.Crypto
type CryptoKey = import('node:crypto').webcrypto.CryptoKey
type CryptoKeyPair = import('node:crypto').webcrypto.CryptoKeyPair
type EcKeyGenParams = import('node:crypto').webcrypto.EcKeyGenParams
type EcKeyImportParams = import('node:crypto').webcrypto.EcKeyImportParams
type EcdsaParams = import('node:crypto').webcrypto.EcdsaParams
type KeyUsage = import('node:crypto').webcrypto.KeyUsage
type RsaHashedImportParams = import('node:crypto').webcrypto.RsaHashedImportParams
