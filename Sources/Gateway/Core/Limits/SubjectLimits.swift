/// Whose use is counted. All subjects are within one tenant.
package enum LimitSubject: Sendable, Equatable, Hashable {
    case key(String)
    case user(String)
    case tenant
    /// A model within the tenant, or a family of models that share a limit (`gpt-*`).
    case model(String)
}

/// What of it is counted, beside how much is under way.
package enum LimitMeasure: Sendable, Equatable, Hashable {
    case requests
    /// Model tokens: estimated when a request begins, corrected when it is over.
    case tokens
}

/// What one subject may use; `nil`: without limit.
package struct SubjectLimits: Sendable, Equatable {
    package var requests: RateLimit?
    package var tokens: RateLimit?
    /// Requests under way at once; at least 1.
    package var concurrentRequests: Int?

    package init(requests: RateLimit? = nil, tokens: RateLimit? = nil, concurrentRequests: Int? = nil) {
        self.requests = requests
        self.tokens = tokens
        self.concurrentRequests = concurrentRequests
    }
}

/// What is done with requests while the store of shared limits cannot be asked.
package enum LimitFaultRule: Sendable, Equatable {
    /// Each replica counts by itself, by the same limits.
    case countAlone
    case refuse
}

/// The limits of one tenant, its keys' own aside.
package struct TenantLimits: Sendable, Equatable {
    package struct Model: Sendable, Equatable {
        package var pattern: ModelPattern
        /// As it stands in the configuration; what the limit is counted under.
        package var name: String
        package var limits: SubjectLimits

        package init(name: String, limits: SubjectLimits) {
            self.name = name
            self.limits = limits
            pattern = ModelPattern(name)
        }
    }

    package var tenant: SubjectLimits
    /// Of each user.
    package var user: SubjectLimits
    /// Exact names first, then the longest pattern: the first that matches counts.
    package private(set) var models: [Model]
    package var faultRule: LimitFaultRule
    package var budgets: BudgetTable.Tenant

    package init(
        tenant: SubjectLimits = SubjectLimits(), user: SubjectLimits = SubjectLimits(), models: [Model] = [],
        faultRule: LimitFaultRule = .countAlone, budgets: BudgetTable.Tenant = BudgetTable.Tenant()
    ) {
        self.tenant = tenant
        self.user = user
        self.faultRule = faultRule
        self.budgets = budgets
        self.models = models.sorted { left, right in
            left.pattern.isExact != right.pattern.isExact
                ? left.pattern.isExact : left.pattern.prefix.utf8.count > right.pattern.prefix.utf8.count
        }
    }

    /// Which of ``models`` a request for the model counts under.
    package func modelIndex(of model: String) -> Int? {
        models.firstIndex { $0.pattern.matches(model) }
    }
}

/// What the configuration says of limits beside the keys' own.
package struct LimitSettings: Sendable, Equatable {
    /// By tenant.
    package var tenants: [String: TenantLimits]
    /// For tenants that are not in `tenants`.
    package var faultRule: LimitFaultRule
    /// Output tokens that a request is counted with that names no cap, until it is over.
    package var assumedOutputTokens: UInt64

    package init(tenants: [String: TenantLimits] = [:], faultRule: LimitFaultRule = .countAlone, assumedOutputTokens: UInt64 = 1_024) {
        self.tenants = tenants
        self.faultRule = faultRule
        self.assumedOutputTokens = assumedOutputTokens
    }

    /// Tokens that a request is counted with until it is over: its bytes by the model's rate, a quarter of them where that is not known, and
    /// what it lets the model write.
    ///
    /// - Parameter choices: answers that are asked for.
    package func estimatedTokens(
        requestBytes: Int, maxOutputTokens: UInt64?, choices: UInt64, rates: TokenRates = .plain
    ) -> UInt64 {
        let (output, overflow) = (maxOutputTokens ?? assumedOutputTokens).multipliedReportingOverflow(by: max(1, choices))
        let input = UInt64(Double(max(0, requestBytes)) / rates.ascii)
        return overflow ? .max : max(1, output.addingReportingOverflow(input).overflow ? .max : output + input)
    }
}
