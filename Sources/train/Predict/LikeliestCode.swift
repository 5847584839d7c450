// The arg max of an audio head's cell among the codes alone.

/// Which code a cell of logits means.
enum LikeliestCode {
    /// The code with the largest logit, the first of equals; bos and eos, the classes on top of the codes, are left out.
    ///
    /// - Parameters:
    ///   - logits: at least `codes` of them; none is NaN.
    ///   - codes: K.
    ///   - best: the likeliest of all classes, which mostly is a code already.
    static func among(_ logits: UnsafePointer<Float>, codes: Int, best: Int) -> Int {
        if best < codes { return best }
        var likeliest = 0
        for code in 1..<max(1, codes) where logits[code] > logits[likeliest] { likeliest = code }
        return likeliest
    }
}
