// Stands for undici in the bundle: its own entry loads caches, mocks, WebSocket and a browser's fetch too, which takes
// more than half of its start-up time.
import request from "undici/lib/api/api-request.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";

Dispatcher.prototype.request = request;

export { Agent, ProxyAgent };
