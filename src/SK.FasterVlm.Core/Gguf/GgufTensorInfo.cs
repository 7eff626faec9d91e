namespace SK.FasterVlm.Gguf;

/// <summary>Where a tensor lies and what it is. Checked: whole blocks per row, inside the file, apart from every other tensor.</summary>
public sealed class GgufTensorInfo
{
    readonly long[] _dims;

    internal GgufTensorInfo(string name, GgmlType type, long[] dims, long offset, long byteSize, int part = 0)
    {
        Part = part;
        Name = name;
        Type = type;
        _dims = dims;
        Offset = offset;
        ByteSize = byteSize;
    }

    /// <summary>Name, unique in the file.</summary>
    public string Name { get; }

    /// <summary>How the elements are stored.</summary>
    public GgmlType Type { get; }

    /// <summary>1 to 4 sizes in ggml's <c>ne</c> order: the first is the length of a row, neighbours in memory. Each 1 or more.</summary>
    public ReadOnlyMemory<long> Dims => _dims;

    /// <summary>Which file of a split model it lies in, from 0.</summary>
    public int Part { get; }

    /// <summary>First byte, counted from the start of its file.</summary>
    public long Offset { get; }

    /// <summary>Bytes.</summary>
    public long ByteSize { get; }

    internal GgufTensorInfo InPart(int part) => new(Name, Type, _dims, Offset, ByteSize, part);

    /// <summary>Size of a dimension, 1 for those the tensor does not have.</summary>
    /// <param name="dimension">0 to 3.</param>
    public long Ne(int dimension) => dimension < _dims.Length ? _dims[dimension] : 1;

    /// <summary>Bytes of a row.</summary>
    public long RowBytes => Type.RowBytes(_dims[0]);

    /// <summary>Number of elements.</summary>
    public long ElementCount => ByteSize / Type.BlockBytes() * Type.BlockSize();

    /// <summary>For messages: <c>1024 x 577</c>.</summary>
    public string Shape => string.Join(" x ", _dims);

    /// <inheritdoc/>
    public override string ToString() => $"{Printable.Escape(Name)} {Type} [{Shape}]";
}
