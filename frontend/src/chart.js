// Charts of the overview.
import "./charts/overview.js";
