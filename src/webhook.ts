/** `waybill/webhook`: deliver messages as signed HTTP requests, and verify or do them where they arrive. */
export {
  receiveWebhook, type ReceivedWebhook, type ReceiveWebhookOptions, type WebhookInbox,
} from './transports/webhook/receive.js'
export {
  verifyWebhook, type VerifiedWebhook, type VerifyWebhookOptions, type WebhookHeaders,
} from './transports/webhook/verify.js'
export type { PerMessage, WebhookLookup, WebhookOptions, WebhookTls } from './transports/webhook/settings.js'
export { webhook, type WebhookTransport } from './transports/webhook/webhook-transport.js'
