namespace SK.FasterVlm.Gguf;

/// <summary>Fetches tensors of a file only in the shape and type they must have. Native code ends the process on any other.</summary>
sealed class TensorCheck(GgufFile file)
{
    /// <summary>A linear layer: matrix [inputs, outputs] and bias [outputs].</summary>
    internal ClipTensors Linear(string name, int inputs, int outputs) =>
        new(Matrix($"{name}.weight", inputs, outputs), Vector($"{name}.bias", outputs));

    /// <summary>A norm: weight and bias of one width.</summary>
    internal ClipTensors Norm(string name, int width) => new(Vector($"{name}.weight", width), Vector($"{name}.bias", width));

    /// <summary>A matrix in any type that ggml multiplies with.</summary>
    internal GgufTensorInfo Matrix(string name, params ReadOnlySpan<long> shape) =>
        Shaped(name, shape, IsMatrixType, "a float or quantised type");

    /// <summary>A matrix of a language model in any type that llama.cpp multiplies with on a CPU.</summary>
    internal GgufTensorInfo LanguageMatrix(string name, params ReadOnlySpan<long> shape) =>
        Shaped(name, shape, IsLanguageMatrixType, "a float or quantised type");

    /// <summary>
    /// Types of all tensors of a language model. llama.cpp checks shapes only and ends the process where its kernels find another type: what
    /// is added, multiplied by element or turned with must be 32-bit floats, as every converter writes it.
    /// </summary>
    internal void LanguageTypes()
    {
        foreach (GgufTensorInfo tensor in file.Tensors)
        {
            bool plain = tensor.Ne(1) * tensor.Ne(2) * tensor.Ne(3) == 1 || tensor.Name.EndsWith(".bias", StringComparison.Ordinal)
                || tensor.Name.EndsWith("_norm.weight", StringComparison.Ordinal);
            if (plain ? tensor.Type is GgmlType.F32 : IsLanguageMatrixType(tensor.Type)) continue;
            string name = Printable.Escape(tensor.Name);
            throw new ModelFormatException($"The tensor '{name}' is {tensor.Type} but must be {(plain ? "F32" : "a float or quantised type")}.", name);
        }
    }

    /// <summary>A float tensor that may be stored in 16 bits.</summary>
    internal GgufTensorInfo Plain(string name, params ReadOnlySpan<long> shape) =>
        Shaped(name, shape, static t => t is GgmlType.F32 or GgmlType.F16 or GgmlType.BF16, "F32, F16 or BF16");

    /// <summary>A vector of 32-bit floats.</summary>
    internal GgufTensorInfo Vector(string name, int length) => Shaped(name, [length], static t => t is GgmlType.F32, "F32");

    /// <summary>A vector of 32-bit floats, or null when the file lacks it.</summary>
    internal GgufTensorInfo? Optional(string name, int length) => file.TryGetTensor(name, out _) ? Vector(name, length) : null;

    /// <summary>Size of one dimension of a tensor that must be there.</summary>
    internal long Ne(string name, int dimension) =>
        file.TryGetTensor(name, out GgufTensorInfo? tensor) ? tensor.Ne(dimension) : throw Missing(name);

    internal static ModelFormatException Missing(string name) => new($"The tensor '{name}' is missing.", name);

    GgufTensorInfo Shaped(string name, ReadOnlySpan<long> shape, Predicate<GgmlType> allowed, string types)
    {
        GgufTensorInfo tensor = file.TryGetTensor(name, out GgufTensorInfo? found) ? found : throw Missing(name);
        for (int i = 0; i < 4; i++)
        {
            if (tensor.Ne(i) == (i < shape.Length ? shape[i] : 1)) continue;
            string expected = string.Join(" x ", shape.ToArray());
            throw new ModelFormatException($"The tensor '{name}' is {tensor.Shape} but must be {expected} after the file's own header.", name);
        }
        return allowed(tensor.Type)
            ? tensor
            : throw new ModelFormatException($"The tensor '{name}' is {tensor.Type} but must be {types}.", name);
    }

    static bool IsMatrixType(GgmlType type) => type is GgmlType.F32 or GgmlType.F16 or GgmlType.BF16
        or GgmlType.Q4_0 or GgmlType.Q4_1 or GgmlType.Q5_0 or GgmlType.Q5_1 or GgmlType.Q8_0
        or GgmlType.Q2_K or GgmlType.Q3_K or GgmlType.Q4_K or GgmlType.Q5_K or GgmlType.Q6_K or GgmlType.IQ4_NL or GgmlType.IQ4_XS;

    // All that has a product with vectors in ggml's CPU backend; integers, doubles and the intermediates Q8_1 and Q8_K have none.
    static bool IsLanguageMatrixType(GgmlType type) => IsMatrixType(type)
        || type is GgmlType.IQ1_S or GgmlType.IQ1_M or GgmlType.IQ2_XXS or GgmlType.IQ2_XS or GgmlType.IQ2_S or GgmlType.IQ3_XXS
        or GgmlType.IQ3_S or GgmlType.TQ1_0 or GgmlType.TQ2_0 or GgmlType.MXFP4 or GgmlType.NVFP4 or GgmlType.Q1_0 or GgmlType.Q2_0;
}
