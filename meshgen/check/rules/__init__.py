"""Every rule, sorted by code. A rule is one file; add it here by hand."""

from __future__ import annotations

from meshgen.check.rule import Rule
from meshgen.check.rules.extension import (
    mg0710_unpinned_module,
    mg0711_lua_without_handler,
    mg0712_lua_unbalanced,
)
from meshgen.check.rules.gateway import (
    mg0501_server_taken,
    mg0502_tls_mismatch,
    mg0503_plaintext_beside_tls,
    mg0504_routes_behind_passthrough,
    mg0505_host_of_another_namespace,
)
from meshgen.check.rules.references import (
    mg0104_unknown_service,
    mg0105_hidden_service,
    mg0106_unknown_subset,
    mg0107_unknown_gateway,
    mg0108_host_not_on_gateway,
    mg0109_unknown_rule_host,
    mg0110_selects_nothing,
    mg0111_unknown_delegate,
    mg0112_unknown_service_account,
    mg0113_unknown_credential,
    mg0114_empty_subset,
    mg0115_host_taken,
    mg0116_subset_taken,
    mg0117_policy_taken,
    mg0128_hidden_from_gateway,
    mg0130_unknown_egress_host,
)
from meshgen.check.rules.resilience import (
    mg0601_retries_cut_by_timeout,
    mg0602_failover_without_outlier_detection,
    mg0603_subset_policy_replaces,
    mg0604_port_policy_replaces,
)
from meshgen.check.rules.security import (
    mg0401_allow_everyone,
    mg0402_deny_widens_on_tcp,
    mg0403_allow_vanishes_on_tcp,
    mg0404_token_not_required,
    mg0405_claims_not_verified,
    mg0406_plaintext_to_strict,
    mg0407_plaintext_passes,
)
from meshgen.check.rules.telemetry import (
    mg0701_unreadable_expression,
    mg0702_unknown_attribute,
    mg0703_log_without_provider,
    mg0704_unknown_provider,
    mg0705_telemetry_taken,
    mg0706_tag_not_removable,
)
from meshgen.check.rules.traffic import (
    mg0301_unreachable_rule,
    mg0302_zero_weights,
    mg0303_weights_not_100,
    mg0304_duplicate_destination,
    mg0305_destination_port_missing,
)

RULES: tuple[Rule, ...] = (
    mg0104_unknown_service.RULE,
    mg0105_hidden_service.RULE,
    mg0106_unknown_subset.RULE,
    mg0107_unknown_gateway.RULE,
    mg0108_host_not_on_gateway.RULE,
    mg0109_unknown_rule_host.RULE,
    mg0110_selects_nothing.RULE,
    mg0111_unknown_delegate.RULE,
    mg0112_unknown_service_account.RULE,
    mg0113_unknown_credential.RULE,
    mg0114_empty_subset.RULE,
    mg0115_host_taken.RULE,
    mg0116_subset_taken.RULE,
    mg0117_policy_taken.RULE,
    mg0128_hidden_from_gateway.RULE,
    mg0130_unknown_egress_host.RULE,
    mg0301_unreachable_rule.RULE,
    mg0302_zero_weights.RULE,
    mg0303_weights_not_100.RULE,
    mg0304_duplicate_destination.RULE,
    mg0305_destination_port_missing.RULE,
    mg0401_allow_everyone.RULE,
    mg0402_deny_widens_on_tcp.RULE,
    mg0403_allow_vanishes_on_tcp.RULE,
    mg0404_token_not_required.RULE,
    mg0405_claims_not_verified.RULE,
    mg0406_plaintext_to_strict.RULE,
    mg0407_plaintext_passes.RULE,
    mg0501_server_taken.RULE,
    mg0502_tls_mismatch.RULE,
    mg0503_plaintext_beside_tls.RULE,
    mg0504_routes_behind_passthrough.RULE,
    mg0505_host_of_another_namespace.RULE,
    mg0601_retries_cut_by_timeout.RULE,
    mg0602_failover_without_outlier_detection.RULE,
    mg0603_subset_policy_replaces.RULE,
    mg0604_port_policy_replaces.RULE,
    mg0701_unreadable_expression.RULE,
    mg0702_unknown_attribute.RULE,
    mg0703_log_without_provider.RULE,
    mg0704_unknown_provider.RULE,
    mg0705_telemetry_taken.RULE,
    mg0706_tag_not_removable.RULE,
    mg0710_unpinned_module.RULE,
    mg0711_lua_without_handler.RULE,
    mg0712_lua_unbalanced.RULE,
)
