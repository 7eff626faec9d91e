using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SK.FasterVlm.Vision;

/// <summary>
/// e to the x within 3e-7 of itself: 2^n with the whole part of x log2 e, times the Taylor series of 2^f for the rest (|f| at most 1/2). The
/// framework's own is exact to the last bit, which costs several times as much. Results are held to 2^-126 .. 2^126. What is not a number gives
/// anything: callers see to it.
/// </summary>
internal static class VectorExp
{
    const float Log2E = 1.44269504f, Limit = 126;
    const float C1 = 0.693147181f, C2 = 0.240226507f, C3 = 0.0555041087f, C4 = 0.00961812911f, C5 = 0.00133335581f, C6 = 0.000154035304f;

    /// <summary>For 16 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.MinNative(Vector512.MaxNative(x * Vector512.Create(Log2E), Vector512.Create(-Limit)), Vector512.Create(Limit));
        Vector512<float> whole = Vector512.Round(x), f = x - whole;
        Vector512<float> series = Vector512.FusedMultiplyAdd(Vector512.Create(C6), f, Vector512.Create(C5));
        series = Vector512.FusedMultiplyAdd(series, f, Vector512.Create(C4));
        series = Vector512.FusedMultiplyAdd(series, f, Vector512.Create(C3));
        series = Vector512.FusedMultiplyAdd(series, f, Vector512.Create(C2));
        series = Vector512.FusedMultiplyAdd(series, f, Vector512.Create(C1));
        series = Vector512.FusedMultiplyAdd(series, f, Vector512<float>.One);
        return series * ((Vector512.ConvertToInt32Native(whole) + Vector512.Create(127)) << 23).AsSingle();
    }

    /// <summary>For 8 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.MinNative(Vector256.MaxNative(x * Vector256.Create(Log2E), Vector256.Create(-Limit)), Vector256.Create(Limit));
        Vector256<float> whole = Vector256.Round(x), f = x - whole;
        Vector256<float> series = Vector256.FusedMultiplyAdd(Vector256.Create(C6), f, Vector256.Create(C5));
        series = Vector256.FusedMultiplyAdd(series, f, Vector256.Create(C4));
        series = Vector256.FusedMultiplyAdd(series, f, Vector256.Create(C3));
        series = Vector256.FusedMultiplyAdd(series, f, Vector256.Create(C2));
        series = Vector256.FusedMultiplyAdd(series, f, Vector256.Create(C1));
        series = Vector256.FusedMultiplyAdd(series, f, Vector256<float>.One);
        return series * ((Vector256.ConvertToInt32Native(whole) + Vector256.Create(127)) << 23).AsSingle();
    }
}
